//! The service information that OpenSearch's clients request first, with `info` and `ping`.

use axum::Json;
use axum::http::{HeaderMap, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::RefusedAtAll;
use super::values::{self, WrittenParams};
use crate::compat::read::Query;
use crate::http::accept;
use crate::http::problem::Problem;
use crate::http::unknown::unknown;

/// The OpenSearch version of this API: the first one with agentic memory.
const NUMBER: &str = "3.3.0";

/// OpenSearch's own word for unknown values.
const UNKNOWN: &str = "unknown";

/// Information about the service.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchInfo)]
pub(crate) struct Info {
    /// Always `lethe`.
    name: &'static str,
    /// Always `lethe`.
    cluster_name: &'static str,
    /// Always `_na_`: there is no cluster.
    cluster_uuid: &'static str,
    version: Software,
    tagline: &'static str,
}

/// The software and version of this API.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchVersion)]
struct Software {
    /// Always `opensearch`.
    distribution: &'static str,
    /// The OpenSearch version of this API.
    number: &'static str,
    /// Always `lethe`.
    build_type: &'static str,
    build_hash: &'static str,
    build_date: &'static str,
    build_snapshot: bool,
    lucene_version: &'static str,
    minimum_wire_compatibility_version: &'static str,
    minimum_index_compatibility_version: &'static str,
}

/// Get information about the service, in OpenSearch's format.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "openSearchInfo",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(WrittenParams),
    responses(
        (status = 200, description = "Information about the service", body = Info),
        RefusedAtAll,
    ),
)]
pub(crate) async fn info(headers: HeaderMap, uri: Uri, query: Query) -> Result<Json<Info>, Problem> {
    // The console has taken this request before, if it is served.
    if accept::html(&headers) {
        return Err(unknown(&uri));
    }
    values::only(&query, &[])?;
    Ok(Json(Info {
        name: "lethe",
        cluster_name: "lethe",
        cluster_uuid: "_na_",
        version: Software {
            distribution: "opensearch",
            number: NUMBER,
            build_type: "lethe",
            build_hash: UNKNOWN,
            build_date: UNKNOWN,
            build_snapshot: false,
            lucene_version: UNKNOWN,
            minimum_wire_compatibility_version: NUMBER,
            minimum_index_compatibility_version: NUMBER,
        },
        tagline: "The OpenSearch Project: https://opensearch.org/",
    }))
}
