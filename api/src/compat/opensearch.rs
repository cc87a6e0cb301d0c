#![doc = include_str!("../../docs/opensearch.md")]

mod answer;
mod by_id;
mod by_query;
mod dsl;
mod fields;
mod place;
mod unique;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::json::short;

pub(crate) use answer::ErrorBody;
pub(super) use answer::error;

/// How the paths of its routes begin, those included that are not answered here: its clients read their refusal.
pub(super) const ROOT: &str = "/_";

/// Returns OpenSearch's routes.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(by_id::delete_memory))
        .routes(routes!(by_query::delete_by_query))
}
