//! The header `Authorization`, in the schemes of native and compatible clients.

#[cfg(test)]
mod fuzz;

use std::fmt::Write;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lethe_common::metrics::AuthFailure;
use strum::IntoStaticStr;

/// A way to send credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub(crate) enum Scheme {
    /// `Bearer` and an API key or a token: RFC 6750.
    Bearer,
    /// `Token` and an API key: used by mem0's clients.
    Token,
    /// `Basic` with a key's name and the key: RFC 7617, used by OpenSearch's clients.
    Basic,
}

/// The schemes that a route accepts.
pub(crate) type Schemes = &'static [Scheme];

/// The scheme that native routes accept.
pub(crate) const BEARER: Schemes = &[Scheme::Bearer];

impl Scheme {
    fn word(self) -> &'static str {
        self.into()
    }

    /// Returns how to write it, for error texts.
    pub(super) fn written(self) -> &'static str {
        match self {
            Self::Bearer => "`Authorization: Bearer` and an API key or a token",
            Self::Token => "`Authorization: Token` and an API key",
            Self::Basic => "`Authorization: Basic` with an API key's name as the user and the key as the password",
        }
    }
}

/// Returns the header `WWW-Authenticate` for `schemes`.
pub(super) fn challenge(schemes: Schemes) -> String {
    schemes.iter().fold(String::new(), |mut text, scheme| {
        let comma = if text.is_empty() { "" } else { ", " };
        // RFC 7617 requires a realm for Basic.
        let realm = if *scheme == Scheme::Basic {
            " realm=\"lethe\", charset=\"UTF-8\""
        } else {
            ""
        };
        write!(text, "{comma}{}{realm}", scheme.word()).expect("a String takes any text");
        text
    })
}

/// The credentials of a request.
// A secret: no `Debug`.
pub(super) struct Credentials {
    pub(super) scheme: Scheme,
    /// The name of the key, if the scheme has one.
    pub(super) name: Option<String>,
    /// An API key, or a token.
    pub(super) secret: String,
}

impl Credentials {
    /// Reads the header, if it is written in one of `schemes`.
    pub(super) fn read(headers: &HeaderMap, schemes: Schemes) -> Result<Self, AuthFailure> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(AuthFailure::Missing)?;
        if values.next().is_some() {
            // Several headers are ambiguous.
            return Err(AuthFailure::Malformed);
        }
        let value = value.to_str().map_err(|_| AuthFailure::Malformed)?;
        let (word, rest) = value.split_once(' ').ok_or(AuthFailure::Malformed)?;
        let scheme = schemes
            .iter()
            .copied()
            .find(|scheme| scheme.word().eq_ignore_ascii_case(word))
            .ok_or(AuthFailure::Scheme)?;
        let (name, secret) = match scheme {
            Scheme::Bearer | Scheme::Token => (None, rest.trim().to_owned()),
            Scheme::Basic => {
                let (name, secret) = pair(rest.trim()).ok_or(AuthFailure::Malformed)?;
                (Some(name), secret)
            }
        };
        if secret.is_empty() {
            return Err(AuthFailure::Malformed);
        }
        Ok(Self { scheme, name, secret })
    }
}

fn pair(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, secret) = text.split_once(':')?;
    Some((name.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const ALL: Schemes = &[Scheme::Bearer, Scheme::Token, Scheme::Basic];

    fn read(values: &[&str], schemes: Schemes) -> Result<(Option<String>, String), AuthFailure> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        Credentials::read(&headers, schemes).map(|read| (read.name, read.secret))
    }

    #[test]
    fn each_scheme_is_read_where_it_is_accepted() {
        let key = Ok((None, "k".to_owned()));
        assert_eq!(read(&["Bearer k"], BEARER), key);
        assert_eq!(read(&["bEARER  k "], ALL), key);
        assert_eq!(read(&["Token k"], ALL), key);
        assert_eq!(read(&["Token k"], BEARER), Err(AuthFailure::Scheme));
        let named = Ok((Some("ops".to_owned()), "a:b".to_owned()));
        let basic = format!("Basic {}", STANDARD.encode("ops:a:b"));
        assert_eq!(read(&[&basic], ALL), named);
        assert_eq!(
            read(&[&basic], &[Scheme::Bearer, Scheme::Token]),
            Err(AuthFailure::Scheme)
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(read(&[], ALL), Err(AuthFailure::Missing));
        for wrong in ["Bearer", "Bearer ", "k", "Basic !", "Basic b3Bz", "Basic b3BzOg=="] {
            assert_eq!(read(&[wrong], ALL), Err(AuthFailure::Malformed), "{wrong}");
        }
        assert_eq!(read(&["Bearer k", "Bearer k"], ALL), Err(AuthFailure::Malformed));
        assert_eq!(read(&["Digest k"], ALL), Err(AuthFailure::Scheme));
    }

    #[test]
    fn a_challenge_names_what_is_accepted() {
        assert_eq!(challenge(BEARER), "Bearer");
        assert_eq!(
            challenge(ALL),
            "Bearer, Token, Basic realm=\"lethe\", charset=\"UTF-8\""
        );
    }
}
