//! The layer around every request: its id, its span, its metrics, and the body of its problem.
//!
//! Spans and labels carry route templates only: a path or a query can hold an id or an owner.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lethe_common::{metrics, telemetry};
use tracing::Instrument;
use uuid::Uuid;

use crate::http::headers;
use crate::http::problem::{Kind, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is accepted, in characters: a UUID with room for a prefix.
const MAX_REQUEST_ID: usize = 64;

/// The id of a request, among its extensions.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Writes the body of a problem, with its status and the id of its request.
pub(crate) type Voice = fn(&Problem, StatusCode, &str) -> Response;

/// Returns the function that writes the problems of a request.
pub(crate) type VoiceOf = fn(&Request) -> Voice;

/// Gives a request its id and span, and writes the body of its problem, if it has one.
pub(crate) async fn observe(State(voice_of): State<VoiceOf>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let route = template(request.extensions().get::<MatchedPath>()).to_owned();
    let method = word(request.method());
    let span = tracing::info_span!(
        "http.request",
        http.route = route,
        http.method = method,
        request.id = id
    );
    if let Some(caller) = headers::caller(request.headers()) {
        telemetry::follow(&span, caller);
    }
    let voice = voice_of(&request);
    let reads = request.method().is_safe();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(problem) = Problem::of_response(&response) {
        let problem = if reads { problem.of_reading() } else { problem };
        response = with_body(&response, &problem, voice, &id);
    }
    let status = response.status();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let took = started.elapsed();
    span.in_scope(|| tracing::debug!(http.status = status.as_u16(), ms = took.as_millis(), "answered"));
    telemetry::answered(&span, status.as_u16());
    metrics::http_request(route, method, status.as_u16(), took);
    response
}

/// Answers in place of a handler that takes too long.
pub(crate) async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    answered(limit, next.run(request)).await
}

/// Returns the answer of `handler`, or that of a handler that takes longer than `limit`.
pub(crate) async fn answered(limit: Duration, handler: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(limit, handler).await {
        Ok(response) => response,
        Err(_) => Problem::usual(Kind::Slow).into_response(),
    }
}

/// Answers in place of a handler that panicked.
// The payload may hold anything, so it is dropped unseen.
pub(crate) fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Problem::usual(Kind::Internal).into_response()
}

/// Replaces the body by the problem, keeping headers such as `allow` and `retry-after`. A header that the voice has set
/// stays: a page has another policy than data.
fn with_body(response: &Response, problem: &Problem, voice: Voice, id: &str) -> Response {
    let mut answer = voice(problem, response.status(), id);
    let own: Vec<HeaderName> = answer.headers().keys().cloned().collect();
    for (name, value) in response.headers() {
        let describes_body = *name == header::CONTENT_TYPE || *name == header::CONTENT_LENGTH;
        if !describes_body && !own.contains(name) {
            answer.headers_mut().append(name, value.clone());
        }
    }
    answer
}

/// Returns the caller's id of the request if it is harmless in a log, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| (1..=MAX_REQUEST_ID).contains(&id.len()))
        .filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Returns the route's template. All paths without a route share one word.
// The templates of the router are a closed set. A slash at the end makes no other route.
fn template(matched: Option<&MatchedPath>) -> &str {
    match matched.map(MatchedPath::as_str) {
        None => "unmatched",
        Some("/") => "/",
        Some(path) => path.trim_end_matches('/'),
    }
}

/// Returns the method as a word of a closed list, since callers may invent methods.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
