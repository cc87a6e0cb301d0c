//! The routes of all systems.

use axum::routing::delete;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{agno, document, mem0, memoryplugin, mielto, opensearch};
use crate::state::AppState;

/// Returns the routes of all systems. A slash at the end is a part of the route, never of an id.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    let mut routes = OpenApiRouter::new()
        .route("/memories/", delete(agno::delete_memories))
        .route("/memories/{memory_id}/", delete(agno::delete_memory))
        .route("/api/v1/memories/{memory_id}/", delete(mielto::delete_memory))
        .route("/api/memories/{memoryId}/", delete(memoryplugin::delete_memory))
        .route("/api/memories", delete(memoryplugin::without_id))
        .route("/api/memories/", delete(memoryplugin::without_id))
        .routes(routes!(agno::delete_memory))
        .routes(routes!(agno::delete_memories))
        .routes(routes!(mielto::delete_memory))
        .routes(routes!(memoryplugin::delete_memory))
        .merge(mem0::routes())
        .merge(opensearch::routes());
    // mem0 answers long deletions without waiting.
    document::add_headers(routes.get_openapi_mut(), |path| !mem0::AT_ONCE.contains(&path));
    // Task routes make no job, and ignore `Prefer`.
    let mut routes = routes.merge(opensearch::task_routes());
    document::trim(routes.get_openapi_mut());
    routes
}
