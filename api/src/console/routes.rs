//! The routes of the pages.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};

use super::matching::Act;
use super::{
    assets, audit, event_stream, holds, job, jobs, keys, links, matching, new, origin, receipts, schedules, session,
    sign_in, targets, workers,
};
use crate::http::observe;
use crate::state::AppState;

/// Returns the routes of the pages; none if the console is not served.
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    if !state.config().console.enabled {
        return Router::new();
    }
    let limit = state.config().api.request_timeout;
    quick()
        .layer(from_fn_with_state(limit, observe::in_time))
        .merge(lasting())
        .layer(from_fn_with_state(Arc::clone(state.config()), origin::guard))
}

/// Returns the routes with the usual time limit.
fn quick() -> Router<AppState> {
    Router::new()
        .route(links::ROOT, get(overview))
        .route(assets::ROUTE, get(assets::asset))
        .route(links::SIGN_IN, get(sign_in::page).post(sign_in::sign_in))
        .route(links::SIGN_OUT, post(sign_in::sign_out))
        .route(links::JOBS, get(jobs::page))
        .route(links::CANCEL_JOBS, matching::route(Act::Cancel))
        .route(links::PACE_JOBS, matching::route(Act::Pace))
        .route(links::RETRY_JOBS, matching::route(Act::Retry))
        .route("/console/jobs/{id}", get(job::page))
        .route("/console/jobs/{id}/items", post(job::show_items))
        .route("/console/jobs/{id}/selection", post(job::show_selection))
        .route("/console/jobs/{id}/pace", post(job::pace))
        .route("/console/jobs/{id}/extend", post(job::extend))
        .route("/console/jobs/{id}/cancel", post(job::cancel))
        .route("/console/jobs/{id}/retry", post(job::retry))
        .route(links::NEW, get(new::page).post(new::send))
        .route("/console/new/{id}", get(new::again))
        .route(links::SCHEDULES, get(schedules::list))
        .route("/console/schedules/{name}", get(schedules::page))
        .route("/console/schedules/{name}/job", post(schedules::show_job))
        .route("/console/schedules/{name}/change", post(schedules::change))
        .route("/console/schedules/{name}/preview", post(schedules::preview_stored))
        .route("/console/schedules/{name}/pause", post(schedules::pause))
        .route("/console/schedules/{name}/resume", post(schedules::resume))
        .route("/console/schedules/{name}/remove", post(schedules::remove))
        .route(links::WRITE_SCHEDULE, get(schedules::form))
        .route("/console/write-schedule/save", post(schedules::save))
        .route(links::HOLDS, get(holds::page).post(holds::place))
        .route("/console/holds/{name}", get(holds::one))
        .route("/console/holds/{name}/selection", post(holds::show))
        .route("/console/holds/{name}/release", post(holds::release))
        .route(links::TARGETS, get(targets::page))
        .route("/console/targets/{name}/pause", post(targets::pause))
        .route("/console/targets/{name}/resume", post(targets::resume))
        .route("/console/pause", post(targets::pause_all))
        .route("/console/resume", post(targets::resume_all))
        .route(links::WORKERS, get(workers::page))
        .route(links::KEYS, get(keys::page).post(keys::create))
        .route("/console/keys/{name}", get(keys::one))
        .route("/console/keys/{name}/bounds", post(keys::show_bounds))
        .route("/console/keys/{name}/rotate", post(keys::rotate))
        .route("/console/keys/{name}/revoke", post(keys::revoke))
        .route(links::AUDIT, get(audit::page))
        .route(links::AUDIT_CSV, get(audit::csv))
        .route(links::AUDIT_NDJSON, get(audit::ndjson))
        .route(links::RECEIPTS, get(receipts::list))
        .route("/console/receipts/{id}", get(receipts::page))
        .route("/console/receipts/{id}/file", get(receipts::file))
        .route("/console/receipts/{id}/certificate", get(receipts::certificate))
        .route(links::LOG, get(receipts::log))
}

/// Returns the routes that stream or wait, which have no time limit.
fn lasting() -> Router<AppState> {
    Router::new()
        .route(links::EVENTS, get(event_stream::all))
        .route("/console/jobs/{id}/events", get(event_stream::job))
        .route("/console/write-schedule/preview", post(schedules::preview))
}

/// The overview is at `/`.
async fn overview() -> Response {
    session::see(links::OVERVIEW)
}
