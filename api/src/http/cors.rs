//! Requests of web pages: an own layer of the few headers that browsers ask for.
//!
//! `tower-http` has one as well, which takes every `OPTIONS` for a preflight: without credentials it would answer where
//! each system says 401.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lethe_common::config::Config;

/// The methods of all routes.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");

/// What pages may read of an answer beside its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "lethe-job, location, preference-applied, retry-after, ratelimit, ratelimit-policy, www-authenticate, x-next, x-request-id",
);

/// For how many seconds a browser may remember a preflight: as long as most of them do at most.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Answers preflights of the origins that the configuration names, before anything else is looked at, and lets their
/// pages read answers.
pub(crate) async fn cors(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let cors = &config.api.cors;
    if cors.origins.is_empty() {
        return next.run(request).await;
    }
    let origin = request.headers().get(header::ORIGIN);
    let origin = origin.filter(|origin| cors.allows(origin.as_bytes())).cloned();
    let mut response = if origin.is_some() && is_preflight(&request) {
        preflight(request.headers())
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    // What one origin may read a cache must not give to another.
    headers.append(header::VARY, HeaderValue::from(header::ORIGIN));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// Returns whether a browser asks whether it may ask.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    // Every header may be sent: a browser adds no credentials that the page did not write.
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    let name: HeaderName = header::ACCESS_CONTROL_REQUEST_HEADERS;
    headers.append(header::VARY, HeaderValue::from(name));
    response
}
