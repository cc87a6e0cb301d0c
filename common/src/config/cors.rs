//! `[api.cors]`: the web pages that may call the API from a browser.

use serde::Deserialize;

use super::error::ConfigErrors;

/// The web pages that may call the API from a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Cors {
    /// Their origins, such as `https://app.example.com`, or `*` alone for every origin; default: none.
    pub origins: Vec<String>,
}

/// The entry that stands for every origin.
const EVERY: &str = "*";

impl Cors {
    /// Returns whether a page of this origin may call.
    // Browsers write an origin in one way only, so a comparison by bytes is enough.
    pub fn allows(&self, origin: &[u8]) -> bool {
        let mut origins = self.origins.iter();
        origins.any(|known| known == EVERY || known.as_bytes() == origin)
    }

    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        for (n, origin) in self.origins.iter().enumerate() {
            let every = origin == EVERY && self.origins.len() == 1;
            errors.require(
                every || is_origin(origin),
                format_args!("api.cors.origins[{n}]"),
                "write an origin as browsers do, such as \"https://app.example.com\", or \"*\" alone",
            );
        }
    }
}

/// Returns whether a browser may write this in `Origin`: a scheme, a host in lower case, and a port other than
/// the scheme's default.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let (host, port) = match authority.rsplit_once(':') {
        // Colons inside brackets belong to an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let own = if scheme == "https" { "443" } else { "80" };
    let number = |port: &str| port.parse::<u16>().is_ok_and(|number| number.to_string() == port);
    ["http", "https"].contains(&scheme)
        && !host.is_empty()
        && host
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'[' | b']' | b':'))
        && port.is_none_or(|port| number(port) && port != own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for right in [
            "https://app.example.com",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:8080",
            "http://[::1]",
        ] {
            assert!(is_origin(right), "{right}");
        }
        for wrong in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://localhost:",
            "http://localhost:+80",
            "http://localhost:99999",
            "https://*.example.com",
            "ftp://app.example.com",
        ] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }

    #[test]
    fn no_page_may_call_unless_its_origin_is_written() {
        let of = |origins: &[&str]| Cors {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        };
        assert!(!Cors::default().allows(b"https://a.example"));
        let one = of(&["https://a.example"]);
        assert!(one.allows(b"https://a.example") && !one.allows(b"https://a.example.evil") && !one.allows(b"*"));
        assert!(of(&["*"]).allows(b"https://a.example") && of(&["*"]).allows(b"null"));
    }
}
