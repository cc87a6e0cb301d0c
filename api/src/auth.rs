//! Who asks, and what their API key opens.
//!
//! [`Principal`] is the one place where a handler learns who asks; a fuller model of who may do
//! what replaces what is behind it, not the handlers.

mod known;
mod principal;

use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use lethe_common::config::Bounds;

use crate::app::AppState;
use crate::problem::{Kind, Problem};

pub(crate) use known::KnownKeys;
pub(crate) use principal::{Denied, Principal};

impl FromRequestParts<AppState> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let unauthorized = |detail| Problem::new(Kind::Unauthorized, detail);
        let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (headers.next(), headers.next()) else {
            return Err(unauthorized("send one header `Authorization: Bearer` with an API key"));
        };
        let presented = value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim());
        let Some(presented) = presented else {
            return Err(unauthorized(
                "write the header as `Authorization: Bearer` and an API key",
            ));
        };
        if let Some(key) = state.config().auth.find(presented) {
            return Ok(Self::new(&key.name, key.scopes.iter().copied(), Bounds::default()));
        }
        match state.known_keys().find(state.ledger(), presented).await? {
            Some(principal) => Ok(principal),
            None => Err(unauthorized("use an API key that is known here")),
        }
    }
}
