#![doc = include_str!("../../docs/opensearch.md")]

mod answer;
mod body;
mod by_id;
mod by_query;
mod dsl;
mod fields;
mod many;
mod matching;
mod parameters;
mod place;
mod status;
mod task;
mod tasks;
mod unique;
mod values;

use axum::routing::post;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::json::short;

pub(super) use answer::error;
pub(crate) use answer::{ErrorBody, Stopped};

/// How the paths of its routes begin, those included that are not answered here: its clients read their refusal.
const ROOT: &str = "/_";

/// How the paths of its routes end that begin with the name of an index.
const BY_QUERY: &str = "/_delete_by_query";

/// Returns whether a path is one of its routes, or would be.
pub(super) fn has_path(path: &str) -> bool {
    let index = path.strip_prefix('/').and_then(|path| path.strip_suffix(BY_QUERY));
    path.starts_with(ROOT) || index.is_some_and(|index| !index.is_empty() && !index.contains('/'))
}

/// Returns OpenSearch's routes.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(by_id::delete_memory))
        .route("/memories/_delete_by_query", post(by_query::delete_in_memories))
        .routes(routes!(by_query::delete_by_query))
        .routes(routes!(by_query::delete_in_index))
}

/// Returns the routes about tasks.
pub(super) fn task_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(many::list))
        .routes(routes!(many::cancel))
        .routes(routes!(tasks::get, tasks::forget))
        .routes(routes!(tasks::cancel))
        .routes(routes!(tasks::rethrottle))
        .routes(routes!(tasks::rethrottle_reindex))
        .routes(routes!(tasks::rethrottle_update))
}
