//! OpenSearch's routes.

use axum::routing::post;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::tasks::{many, one, rethrottle};
use super::{by_id, by_query, info};
use crate::state::AppState;

/// Returns OpenSearch's routes.
pub(in crate::compat) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(by_id::delete_memory))
        .route("/memories/_delete_by_query", post(by_query::delete_in_memories))
        .routes(routes!(by_query::delete_by_query))
        .routes(routes!(by_query::delete_in_index))
}

/// Returns the routes about tasks.
pub(in crate::compat) fn task_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(many::list))
        .routes(routes!(many::cancel))
        .routes(routes!(one::get, one::forget))
        .routes(routes!(one::cancel))
        .routes(routes!(rethrottle::rethrottle))
        .routes(routes!(rethrottle::rethrottle_reindex))
        .routes(routes!(rethrottle::rethrottle_update))
        .routes(routes!(info::info))
}
