//! The refusal of requests that pages of other origins send to the console.
//!
//! Origins in the configuration may call the API, and never the console: their form could sign the reader in with
//! another key. A page of a sibling host is of the same site, so the browser sends the cookie with its requests. It
//! cannot read the answers, but it could measure them, or hold event streams. Links from anywhere lead to pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use lethe_common::config::{Api, Config};

use crate::http::browsers;
use crate::http::problem::{Kind, Problem};

/// Tells whether a request leads to a page, or is a part of one. Browsers set it, pages cannot.
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

const REFUSED: &str = "only pages of the console itself use it: open it, and do it there";

/// Refuses requests from pages of other origins.
pub(super) async fn guard(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    match check(request.method(), request.headers(), &config.api) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Refuses a request that a page of another origin sent, unless it only leads to a page.
pub(super) fn check(method: &Method, headers: &HeaderMap, api: &Api) -> Result<(), Problem> {
    // Old browsers do not say it. They do not say the site either.
    let mode = headers.get(MODE).map(HeaderValue::as_bytes);
    let leads = method.is_safe() && mode.is_none_or(|mode| mode == b"navigate");
    if browsers::is_elsewhere(headers, api) && !leads {
        return Err(Problem::new(Kind::Forbidden, REFUSED));
    }
    Ok(())
}
