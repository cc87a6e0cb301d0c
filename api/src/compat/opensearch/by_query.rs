//! Deleting memories by query.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use lethe_common::filter::Filter;
use serde_json::Value;

use super::answer::{ByQuery, DeletedByQuery, StoppedOr, is_aborted};
use super::by_id::{at, owner};
use super::dsl::{self, refused};
use super::parameters::{ByQueryParams, Parameters};
use super::place::{self, Found};
use super::short;
use super::task::Started;
use super::unique::Unique;
use crate::app::AppState;
use crate::auth::Principal;
use crate::body::{self, Incoming};
use crate::compat::erase::{Asked, Erasure, Place, What};
use crate::compat::read::{Caller, InPath, Query};
use crate::json;
use crate::problem::{Kind, Missing, Problem, Whole};

const MISSING: &str = "Query parameter is required for delete by query operation. To delete all documents, explicitly \
    provide a match_all query: {\"query\": {\"match_all\": {}}}";

/// What a caller calls its request; its tasks say it again.
const OPAQUE_ID: HeaderName = HeaderName::from_static("x-opaque-id");

/// The longest of those that are kept.
const MAX_OPAQUE_ID: usize = 256;

/// Delete memories by query, waiting until it is done or the client leaves; then it goes on.
#[utoipa::path(
    post,
    path = "/_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/_delete_by_query",
    operation_id = "openSearchDeleteByQuery",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("memory_container_id" = String, Path, description = "The container: a target, or a workspace"),
        ("type" = String, Path, description = "`sessions`, `working`, `long-term` or `history`"),
        ("X-Opaque-Id" = Option<String>, Header, description = "What the task's `headers` say"),
        ByQueryParams,
    ),
    request_body(content = Value, description = "`{\"query\": {…}, \"max_docs\": …}`", content_type = "application/json"),
    responses((status = 200, description = "What it came to", body = ByQuery), StoppedOr),
)]
pub(crate) async fn delete_by_query(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath((container, kind)): InPath<(String, String)>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let there = place::find(state.config(), &principal, &container, &kind);
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "POST /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/_delete_by_query",
        words: &[("workspace", "memory_container_id")],
    };
    let missing = Problem::new(Kind::Malformed, MISSING);
    delete(asked, &query, body, there, &container, missing).await
}

/// Delete memories of a table by query, of whatever type; the rest is as in a container.
#[utoipa::path(
    post,
    path = "/{index}/_delete_by_query",
    operation_id = "openSearchDeleteInIndex",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("index" = String, Path, description = "A target with one table, a table, or `target.table`"),
        ("X-Opaque-Id" = Option<String>, Header, description = "What the task's `headers` say"),
        ByQueryParams,
    ),
    request_body(content = Value, description = "`{\"query\": {…}, \"max_docs\": …}`", content_type = "application/json"),
    responses((status = 200, description = "What it came to", body = ByQuery), StoppedOr),
)]
pub(crate) async fn delete_in_index(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(index): InPath<String>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    in_index(&state, &principal, &index, &query, &headers, body).await
}

/// Deletes in the index of a name that begins another system's paths.
pub(crate) async fn delete_in_memories(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    in_index(&state, &principal, "memories", &query, &headers, body).await
}

async fn in_index(
    state: &AppState,
    principal: &Principal,
    index: &str,
    query: &Query,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let there = place::index(state.config(), principal, index);
    let asked = Asked {
        state,
        principal,
        headers,
        route: "POST /{index}/_delete_by_query",
        words: &[],
    };
    let missing = "Validation Failed: 1: query is missing;";
    let missing = Problem::new(Kind::Malformed, missing).lacking(Missing::Query);
    delete(asked, query, body, there, index, missing).await
}

/// Deletes by query; `container` is what `memory_container_id` is there, and `missing` refuses a body
/// without a query.
async fn delete(
    asked: Asked<'_>,
    query: &Query,
    body: Body,
    there: Result<Found<'_>, Problem>,
    container: &str,
    missing: Problem,
) -> Result<Response, Problem> {
    let (state, headers) = (asked.state, asked.headers);
    let parameters = Parameters::read(query)?;
    let there = there?;
    let place = Place {
        owner: owner(asked.principal)?,
        ..at(&there)
    };
    let mut incoming = Incoming::new(body, state.config().api.max_body);
    let read = read(state, headers, &mut incoming, &there, container, missing).await;
    let (filter, max_docs) = incoming.settle(headers, read).await?;
    let (how, any) = parameters.how(max_docs.as_ref(), opaque_id(headers))?;
    let what = What::Query(if any { filter } else { Filter::Nothing }, how);
    if !parameters.wait_for_completion {
        return asked.accept(place, what, |job| Json(Started::new(job))).await;
    }
    match asked.erase_to_the_end(place, what).await? {
        Erasure::Done(done) => {
            let body = Json(DeletedByQuery::of(state, &done.job).await?);
            if is_aborted(&done.job) {
                return Ok(done.answer((StatusCode::CONFLICT, Extension(Whole), body)));
            }
            Ok(done.answer(body))
        }
        Erasure::Later(response) => Ok(response),
    }
}

/// Returns what the caller calls its request, if that can be kept.
fn opaque_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(OPAQUE_ID)?.to_str().ok()?;
    (!id.is_empty() && id.len() <= MAX_OPAQUE_ID).then(|| id.to_owned())
}

/// Reads the query, and how many memories it takes at most.
async fn read(
    state: &AppState,
    headers: &HeaderMap,
    incoming: &mut Incoming,
    there: &Found<'_>,
    container: &str,
    missing: Problem,
) -> Result<(Filter, Option<Value>), Problem> {
    body::json_only(headers)?;
    let bytes = incoming
        .whole(headers, state, state.config().api.request_timeout)
        .await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(missing);
    }
    let Unique(body) = json::read(&bytes).map_err(|problem| problem.into_kind(Kind::BadQuery))?;
    let Value::Object(body) = &body else {
        return Err(refused("the body needs an object"));
    };
    if let Some(name) = body.keys().find(|name| !["query", "max_docs"].contains(&name.as_str())) {
        let name = short(name);
        return Err(refused(&format!("[{name}] is not supported: leave it out")));
    }
    match body.get("query") {
        None | Some(Value::Null) => Err(missing),
        Some(query) => Ok((dsl::read(query, there.table, container)?, body.get("max_docs").cloned())),
    }
}
