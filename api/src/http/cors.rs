//! Requests of web pages (CORS): a layer with the few headers that browsers need.
//!
//! `tower-http` has such a layer too, which takes every `OPTIONS` for a preflight. It would answer requests without
//! credentials that each system answers with 401.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lethe_common::config::Config;

/// The methods of all routes.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");

/// The headers of an answer that pages may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "lethe-job, location, preference-applied, retry-after, ratelimit, ratelimit-policy, www-authenticate, x-next, x-request-id",
);

/// The seconds for which a browser may cache a preflight: the limit of most browsers.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Answers preflights of configured origins before any other check, and lets their pages read answers.
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
    // A cache must not give one origin's answer to another origin.
    headers.append(header::VARY, HeaderValue::from(header::ORIGIN));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// Returns whether this is a preflight request.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    // All headers are allowed: a browser adds no credentials that the page did not write.
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    let name: HeaderName = header::ACCESS_CONTROL_REQUEST_HEADERS;
    headers.append(header::VARY, HeaderValue::from(name));
    response
}
