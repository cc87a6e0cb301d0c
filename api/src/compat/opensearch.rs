#![doc = include_str!("../../docs/opensearch.md")]

mod answer;
mod bodiless;
mod body;
mod by_id;
mod by_query;
mod dsl;
mod failures;
mod fields;
mod info;
mod many;
mod matching;
mod mistyped;
mod parameters;
mod place;
mod status;
mod task;
mod tasks;
mod unique;
mod values;

use axum::extract::Request;
use axum::routing::post;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::json::short;
use crate::state::AppState;

pub(super) use answer::error;
pub(crate) use answer::{ErrorBody, Stopped};

/// How the names begin that OpenSearch has for what is no index: those of its paths that are not answered here are
/// its own as well, since its clients read their refusal.
const OWN: char = '_';

/// How the paths of its routes end that begin with the name of an index.
const BY_QUERY: &str = "/_delete_by_query";

/// Returns whether a request is about one of its routes.
pub(super) fn has(request: &Request) -> bool {
    let path = request.uri().path();
    let index = path.strip_prefix('/').and_then(|path| path.strip_suffix(BY_QUERY));
    let is_info = path == "/" && !info::is_for_people(request.headers());
    is_info || has_name(path.get(1..).unwrap_or_default()) || index.is_some_and(|index| !index.contains('/'))
}

/// Returns whether a request that no route answers is about one of OpenSearch's. Of a path that is another system's,
/// only what follows the name of an index can be.
pub(super) fn would_have(path: &str) -> bool {
    path.split('/').skip(1).any(has_name)
}

fn has_name(segment: &str) -> bool {
    segment.starts_with(OWN)
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
        .routes(routes!(info::info))
}
