//! The caller of a page.

use std::fmt::Write as _;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::cookie::{self, Cookie};
use super::{links, sign_in};
use crate::auth::{BEARER, Principal};
use crate::http::problem::{Kind, Problem, Whole};
use crate::state::AppState;

/// Tells which page led to a request. Browsers set it, pages cannot.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The purpose of the token, so that the same key and another purpose make another one.
const PURPOSE: &[u8] = b"lethe console form";

/// The caller of a page, as its cookie proves it. Without one the request is led to the page where to sign in.
pub(super) struct Session {
    pub(super) principal: Principal,
    /// The token that each form of this session carries.
    pub(super) token: String,
}

impl FromRequestParts<AppState> for Session {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refused> {
        let Some(credentials) = cookie::credentials(&parts.headers) else {
            return Err(Refused::signed_out(parts));
        };
        match open(parts, state, &credentials).await {
            Ok(session) => Ok(session),
            Err(problem) if problem.kind == Kind::Unauthorized => Err(Refused::signed_out(parts)),
            Err(problem) => Err(problem.into()),
        }
    }
}

/// Returns the session that credentials open, and writes them into the request as a caller of the API sends them.
pub(super) async fn open(parts: &mut Parts, state: &AppState, credentials: &str) -> Result<Session, Problem> {
    let Ok(mut value) = HeaderValue::try_from(format!("Bearer {credentials}")) else {
        return Err(Problem::new(Kind::Unauthorized, "use a known API key"));
    };
    value.set_sensitive(true);
    parts.headers.insert(header::AUTHORIZATION, value);
    Ok(Session {
        principal: state.auth().authenticate(parts, BEARER).await?,
        token: token(credentials),
    })
}

impl Session {
    /// Refuses a form that has not the token of this session.
    pub(super) fn require(&self, token: Option<&str>) -> Result<(), Problem> {
        let given = token.unwrap_or_default();
        if bool::from(given.as_bytes().ct_eq(self.token.as_bytes())) {
            return Ok(());
        }
        let detail = "this form is not of your session: load its page again, and send it from there";
        Err(Problem::new(Kind::Forbidden, detail))
    }
}

/// Returns the token of a session. Only a page of the session can know it.
fn token(credentials: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(credentials.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(PURPOSE);
    mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes any text");
        hex
    })
}

/// The reason why a request has no session.
pub(super) enum Refused {
    /// Its cookie proves nothing.
    SignedOut {
        /// The page where to sign in.
        page: String,
        /// Whether a page of another site led here. A browser then sends no cookie of this kind.
        is_led: bool,
    },
    /// Another problem.
    Problem(Problem),
}

impl Refused {
    fn signed_out(parts: &Parts) -> Self {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let asked = parts.uri.path_and_query().map(PathAndQuery::as_str);
        let site = parts.headers.get(SITE).map(HeaderValue::as_bytes);
        Self::SignedOut {
            page: sign_in::path(asked.filter(|_| reads).unwrap_or(links::OVERVIEW)),
            is_led: reads && site == Some(b"cross-site".as_slice()),
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            // There may be a cookie. A step from a page of our own brings it.
            Self::SignedOut { page, is_led: true } => sign_in::step(&page),
            Self::SignedOut { page, is_led: false } => {
                let mut response = see(&page);
                forget(&mut response);
                // For the audit trail: the key of the session may have expired. The page stays as it is.
                let extensions = response.extensions_mut();
                extensions.insert(Problem::usual(Kind::Unauthorized));
                extensions.insert(Whole);
                response
            }
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// Removes the cookies.
pub(super) fn forget(response: &mut Response) {
    for cookie in [Cookie::Secure, Cookie::Loopback] {
        response.headers_mut().append(header::SET_COOKIE, cookie.removed());
    }
}

/// Returns the answer to a form that is done: the page, to be read again.
pub(super) fn see(page: &str) -> Response {
    let location = HeaderValue::try_from(page).unwrap_or_else(|_| HeaderValue::from_static(links::OVERVIEW));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

#[cfg(test)]
mod tests {
    use lethe_common::config::Bounds;

    use super::*;

    #[test]
    fn a_form_has_the_token_of_its_session() {
        let session = |credentials: &str| Session {
            principal: Principal::new("p", [], Bounds::default()),
            token: token(credentials),
        };
        let (one, other) = (session("a"), session("b"));
        assert!(one.require(Some(&one.token)).is_ok());
        for wrong in [None, Some(""), Some(other.token.as_str())] {
            assert_eq!(one.require(wrong).unwrap_err().kind, Kind::Forbidden);
        }
    }
}
