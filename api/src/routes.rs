//! The routes, one file a resource.

mod health;
mod jobs;
mod keys;
mod metrics;
mod pause;
mod schedules;
mod siblings;
mod targets;
mod workers;

use axum::http::Uri;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The templates of all routes: what spans and labels call them.
pub(crate) const TEMPLATES: [&str; 47] = [
    "/",
    "/v1/jobs",
    "/v1/jobs/{id}",
    "/v1/jobs/{id}/items",
    "/v1/jobs/{id}/events",
    "/v1/jobs/{id}/cancel",
    "/v1/jobs/{id}/retry",
    "/v1/pause",
    "/v1/resume",
    "/v1/targets",
    "/v1/targets/{name}/pause",
    "/v1/targets/{name}/resume",
    "/v1/workers",
    "/v1/siblings",
    "/v1/siblings/{target}/{table}",
    "/v1/schedules",
    "/v1/schedules/{name}",
    "/v1/schedules/{name}/pause",
    "/v1/schedules/{name}/resume",
    "/v1/schedules/{name}/preview",
    "/v1/keys",
    "/v1/keys/{name}",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/memories",
    "/memories/{memory_id}",
    "/api/v1/memories/{memory_id}",
    "/api/memories/{memoryId}",
    "/v1/memories/",
    "/v1/memories/{memory_id}/",
    "/v1/batch/",
    "/v1/event/{event_id}/",
    "/v1/ping/",
    "/v2/entities/{entity_type}/{entity_id}/",
    "/_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/{id}",
    "/_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/_delete_by_query",
    "/{index}/_delete_by_query",
    "/memories/_delete_by_query",
    "/_tasks",
    "/_tasks/_cancel",
    "/_tasks/{task_id}",
    "/_tasks/{task_id}/_cancel",
    "/_delete_by_query/{task_id}/_rethrottle",
    "/_reindex/{task_id}/_rethrottle",
    "/_update_by_query/{task_id}/_rethrottle",
];

/// What later versions will have. Named, so that nobody takes it for a mistyped path.
const LATER: [&str; 3] = ["/v1/holds", "/v1/suppressions", "/v1/replays"];

/// Refuses a path that no route has, without saying it again: it can hold an id.
pub(crate) fn unknown(uri: &Uri) -> Problem {
    let path = uri.path();
    let later = if path.starts_with("/v1/jobs/") && path.ends_with("/receipt") {
        Some("receipt")
    } else {
        LATER.into_iter().find(|later| path.starts_with(later))
    };
    match later {
        Some(name) => Problem::new(Kind::NotFound, format!("`{name}` is not supported yet")),
        None => Problem::usual(Kind::NotFound),
    }
}

/// Returns the routes that answer as soon as they can.
pub(crate) fn quick() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(jobs::list::list))
        .routes(routes!(jobs::get::get, jobs::change::change))
        .routes(routes!(jobs::items::items))
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
        .routes(routes!(schedules::list::list))
        .routes(routes!(
            schedules::get::get,
            schedules::put::put,
            schedules::remove::remove
        ))
        .routes(routes!(schedules::pause::pause))
        .routes(routes!(schedules::pause::resume))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
}

/// Returns the routes that keep time by themselves: uploads, waits and streams.
pub(crate) fn lasting() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(jobs::create::create))
        .routes(routes!(jobs::events::events))
        .routes(routes!(schedules::preview::preview))
}
