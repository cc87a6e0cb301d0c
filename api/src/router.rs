//! What hangs where: the routes, and the layers around them.

use axum::Router;
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::compat;
use crate::http::cors;
use crate::http::limits::pace;
use crate::http::observe;
use crate::openapi;
use crate::routes;
use crate::state::AppState;

/// Returns the routes of the API.
///
/// # Panics
///
/// Never: the document that describes the routes is always JSON.
pub fn router(state: AppState) -> Router {
    let (router, document) = routes(&state).split_for_parts();
    let document = document.to_json().expect("the document holds only what JSON can");
    router
        .merge(openapi::route(document))
        .fallback(async |uri: Uri| routes::unknown(&uri))
        .layer(from_fn_with_state(state.auth().clone(), compat::authenticate))
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(from_fn(pace::announce))
        .layer(from_fn_with_state(state.clone(), cors::cors))
        .layer(from_fn(observe::observe))
        .with_state(state)
}

/// Returns the routes and what the document says about them.
fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    let limit = state.config().api.request_timeout;
    OpenApiRouter::with_openapi(openapi::document())
        .merge(routes::quick().layer(from_fn_with_state(limit, observe::in_time)))
        .merge(routes::lasting())
        .merge(compat::routes())
}
