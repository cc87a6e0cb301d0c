//! The cookie of the console: it holds the credentials themselves.
//!
//! So a session ends exactly when its key or token does, in every process, and nothing about it is stored. Scripts
//! cannot read the cookie, and browsers send it only with requests of our pages.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The longest value that browsers keep beside the name and the attributes: 4,096 bytes for all (RFC 6265).
const LONGEST: usize = 3_900;

/// The attributes of every cookie.
const ATTRIBUTES: &str = "Path=/; HttpOnly; SameSite=Strict";

/// A name of the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Of a page that came over HTTPS. No other host can set a cookie with this prefix (RFC 6265bis).
    Secure,
    /// Of a page that came over plain HTTP from this machine.
    Loopback,
}

impl Cookie {
    /// Returns the cookie for a page whose form a browser sends; `None` if it came over plain HTTP from another
    /// machine. A browser would drop the cookie then.
    pub(super) fn for_page(headers: &HeaderMap) -> Option<Self> {
        match text(headers, header::ORIGIN).and_then(|origin| origin.strip_prefix("http://")) {
            None => Some(Self::Secure),
            Some(host) if is_loopback(host) => Some(Self::Loopback),
            Some(_) => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Secure => "__Host-lethe",
            Self::Loopback => "lethe",
        }
    }

    fn attributes(self) -> &'static str {
        match self {
            Self::Secure => "; Secure",
            Self::Loopback => "",
        }
    }

    /// Returns the header that sets the cookie until the browser closes; `None` if the credentials are too long.
    pub(super) fn set(self, credentials: &str) -> Option<HeaderValue> {
        let value = BASE64_URL_SAFE_NO_PAD.encode(credentials);
        (value.len() <= LONGEST).then(|| self.header(&value, ""))
    }

    /// Returns the header that removes the cookie.
    pub(super) fn removed(self) -> HeaderValue {
        self.header("", "; Max-Age=0")
    }

    fn header(self, value: &str, lifetime: &str) -> HeaderValue {
        let text = format!("{}={value}; {ATTRIBUTES}{}{lifetime}", self.name(), self.attributes());
        let mut header = HeaderValue::try_from(text).expect("base64 is printable ASCII");
        header.set_sensitive(true);
        header
    }
}

/// Returns the credentials in the cookies of a request.
// A page of another host may set a cookie without the prefix, so it counts only on this machine.
pub(super) fn credentials(headers: &HeaderMap) -> Option<String> {
    let here = text(headers, header::HOST).is_some_and(is_loopback);
    let names = [Some(Cookie::Secure), here.then_some(Cookie::Loopback)];
    let value = names
        .into_iter()
        .flatten()
        .find_map(|cookie| value(headers, cookie.name()))?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

// Bytes: a sibling host may have set another cookie, which need not be a text.
fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let headers = headers.get_all(header::COOKIE).iter();
    let mut pairs = headers.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Returns whether a host, perhaps with a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let address: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(said: &[(HeaderName, &str)]) -> HeaderMap {
        let said = said.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        said.collect()
    }

    #[test]
    fn a_host_of_this_machine_is_told_from_others() {
        for here in [
            "localhost",
            "LOCALHOST:7878",
            "127.0.0.1:7878",
            "127.1.2.3",
            "[::1]:7878",
            "[::1]",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for there in [
            "lethe.example",
            "localhost.example",
            "10.0.0.1",
            "[::2]:1",
            "",
            "127.0.0.1.example",
        ] {
            assert!(!is_loopback(there), "{there}");
        }
    }

    #[test]
    fn a_page_without_tls_gets_a_cookie_only_on_this_machine() {
        let of = |origin| Cookie::for_page(&headers(&[(header::ORIGIN, origin)]));
        assert_eq!(of("https://lethe.example"), Some(Cookie::Secure));
        assert_eq!(of("http://127.0.0.1:7878"), Some(Cookie::Loopback));
        assert_eq!(of("http://lethe.example"), None);
        assert_eq!(Cookie::for_page(&HeaderMap::new()), Some(Cookie::Secure));
    }

    #[test]
    fn credentials_survive_the_way_to_the_browser_and_back() {
        for secret in ["lethe_0f", "a;b=c ü"] {
            let header = Cookie::Secure.set(secret).unwrap();
            let pair = header.to_str().unwrap().split(';').next().unwrap();
            let sent = format!("other=1; {pair}; lethe=x");
            assert_eq!(
                credentials(&headers(&[(header::COOKIE, &sent)])).as_deref(),
                Some(secret)
            );
        }
        assert!(Cookie::Secure.set(&"x".repeat(4_000)).is_none());
    }

    #[test]
    fn a_cookie_that_any_host_may_set_counts_only_on_this_machine() {
        let set = Cookie::Loopback.set("key").unwrap();
        let pair = set.to_str().unwrap().split(';').next().unwrap();
        let of = |host| credentials(&headers(&[(header::HOST, host), (header::COOKIE, pair)]));
        assert_eq!(of("localhost:7878").as_deref(), Some("key"));
        assert_eq!(of("lethe.example"), None);
    }
}
