//! The routes, their handlers, and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::compat;
use crate::console;
use crate::http::browsers;
use crate::http::cors;
use crate::http::limits::pace;
use crate::http::observe::{self, VoiceOf};
use crate::http::problem::page;
use crate::http::unknown::unknown;
use crate::migrating;
use crate::openapi;
use crate::refusals;
use crate::routes::{
    audit, health, holds, jobs, keys, log, metrics, pause, receipts, schedules, siblings, targets, well_known, workers,
};
use crate::state::AppState;

/// Returns the routes of the API.
///
/// # Panics
///
/// Never: the document that describes the routes is always JSON.
pub fn router(state: AppState) -> Router {
    let (router, document) = described(&state).split_for_parts();
    let document = openapi::finished(document)
        .to_json()
        .expect("the document holds only what JSON can");
    let voice: VoiceOf = |request| console::voice(request).unwrap_or_else(|| compat::voice(request));
    router
        .merge(openapi::route(document))
        .merge(console::routes(&state))
        .route(page::PATH, get(async || page::render()))
        .fallback(async |uri: Uri| unknown(&uri))
        .layer(from_fn_with_state(state.clone(), console::at_root))
        .layer(from_fn_with_state(state.auth().clone(), compat::authenticate))
        .layer(from_fn_with_state(state.refusals().clone(), refusals::note))
        .layer(from_fn_with_state(state.ledger().clone(), migrating::guard))
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(from_fn(pace::announce))
        .layer(from_fn_with_state(Arc::clone(state.config()), browsers::guard))
        .layer(from_fn_with_state(Arc::clone(state.config()), cors::cors))
        .layer(from_fn_with_state(voice, observe::observe))
        .with_state(state)
}

/// Returns the routes with their descriptions in the `OpenAPI` document.
fn described(state: &AppState) -> OpenApiRouter<AppState> {
    let limit = state.config().api.request_timeout;
    OpenApiRouter::with_openapi(openapi::document())
        .merge(quick().layer(from_fn_with_state(limit, observe::in_time)))
        .merge(lasting())
        .merge(compat::routes())
}

/// Returns the routes with the usual time limit.
fn quick() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(jobs::list::list, jobs::matching::pace::pace))
        .routes(routes!(jobs::matching::post::cancel))
        .routes(routes!(jobs::matching::post::retry))
        .routes(routes!(jobs::get::get, jobs::change::change))
        .routes(routes!(jobs::items::items))
        .routes(routes!(receipts::of_job::of_job))
        .routes(routes!(receipts::list::list))
        .routes(routes!(receipts::one::one))
        .routes(routes!(jobs::cancel::cancel))
        .routes(routes!(jobs::retry::retry))
        .routes(routes!(pause::pause))
        .routes(routes!(pause::resume))
        .routes(routes!(pause::pause_target))
        .routes(routes!(pause::resume_target))
        .routes(routes!(targets::targets))
        .routes(routes!(workers::workers))
        .routes(routes!(siblings::list))
        .routes(routes!(siblings::retire))
        .routes(routes!(holds::list::list))
        .routes(routes!(holds::get::get, holds::put::put, holds::remove::remove))
        .routes(routes!(schedules::list::list))
        .routes(routes!(
            schedules::get::get,
            schedules::put::put,
            schedules::remove::remove
        ))
        .routes(routes!(schedules::pause::pause))
        .routes(routes!(schedules::pause::resume))
        .routes(routes!(keys::create::create, keys::list::list))
        .routes(routes!(keys::revoke::revoke))
        .routes(routes!(keys::rotate::rotate))
        .routes(routes!(audit::list::list))
        .routes(routes!(log::proof::proof))
        .routes(routes!(log::checkpoint::checkpoint))
        .route(log::tile::PATH, get(log::tile::tile))
        .routes(routes!(well_known::keys))
        .routes(routes!(well_known::schema))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
}

/// Returns the routes with time limits of their own: uploads, waits and streams.
fn lasting() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(jobs::create::create))
        .routes(routes!(jobs::events::events))
        .routes(routes!(schedules::preview::preview))
}
