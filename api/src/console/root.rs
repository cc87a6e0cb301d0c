//! The overview at `/`, where clients of OpenSearch read about the service.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::session::Session;
use super::{links, origin, overview};
use crate::http::accept;
use crate::http::observe;
use crate::state::AppState;

/// Shows the overview to browsers, if the console is served. All other requests go on.
pub(crate) async fn at_root(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_page = request.uri().path() == links::OVERVIEW && accept::html(request.headers());
    if !(reads && is_page && state.config().console.enabled) {
        return next.run(request).await;
    }
    let limit = state.config().api.request_timeout;
    observe::answered(limit, shown(state, request)).await
}

async fn shown(state: AppState, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if let Err(problem) = origin::check(&parts.method, &parts.headers, &state.config().api) {
        return problem.into_response();
    }
    match Session::from_request_parts(&mut parts, &state).await {
        Ok(session) => overview::page(&state, &session).await.into_response(),
        Err(refused) => refused.into_response(),
    }
}
