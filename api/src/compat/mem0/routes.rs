//! mem0's routes.

use axum::routing::{delete, get};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{batch, event, memory, person};
use crate::state::AppState;

/// The path prefixes of mem0's routes, served here or not: errors below them are in mem0's format.
pub(in crate::compat) const ROOTS: [&str; 14] = [
    "/v1/memories",
    "/v1/batch",
    "/v1/event",
    "/v1/events",
    "/v1/ping",
    "/v1/entities",
    "/v2/entities",
    "/v2/memories",
    "/v3/memories",
    "/v1/exports",
    "/v1/feedback",
    "/v1/summary",
    "/v2/profiles",
    "/api/v1/orgs",
];

/// The deletions that are answered at once. Their events show the progress.
pub(in crate::compat) const AT_ONCE: [&str; 2] = ["/v1/memories/", "/v2/entities/{entity_type}/{entity_id}/"];

/// Returns mem0's routes. Its clients write a slash at the end.
pub(in crate::compat) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(memory::delete_memory))
        .routes(routes!(person::delete_memories))
        .routes(routes!(batch::delete_batch))
        .routes(routes!(person::delete_entity))
        .routes(routes!(event::event))
        .routes(routes!(event::ping))
        .route("/v1/memories/{memory_id}", delete(memory::delete_memory))
        .route("/v1/memories", delete(person::delete_memories))
        .route("/v1/batch", delete(batch::delete_batch))
        .route("/v2/entities/{entity_type}/{entity_id}", delete(person::delete_entity))
        .route("/v1/event/{event_id}", get(event::event))
        .route("/v1/ping", get(event::ping))
}
