//! Deleting memories by query.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::{Extension, Json};
use lethe_common::filter::Filter;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use super::answer::{DeletedByQuery, Errors, StoppedOr};
use super::body::{self, Validation};
use super::by_id::{at, owner};
use super::parameters::{ByQueryParams, Parameters};
use super::place::{self, MappedContainer};
use super::task::Started;
use super::values::WrittenParams;
use super::{dsl, mistyped};
use crate::auth::Principal;
use crate::compat::erase::Asked;
use crate::compat::outcome::Erasure;
use crate::compat::read::{Caller, InPath, Query};
use crate::compat::wanted::{How, MemoryScope, What};
use crate::http::body::Incoming;
use crate::http::limits::body_bytes::Held;
use crate::http::media_type::json_only;
use crate::http::problem::{Problem, Whole};
use crate::state::AppState;

/// The caller's own name for a request. The tasks of the request return it.
const OPAQUE_ID: HeaderName = HeaderName::from_static("x-opaque-id");

/// The longest name that is kept, in bytes.
const MAX_OPAQUE_ID: usize = 256;

/// OpenSearch's warning about `size`. Code 299 marks a persistent warning.
const DATED: HeaderValue =
    HeaderValue::from_static("299 lethe \"Deprecated field [size] used, expected [max_docs] instead\"");

/// A deletion by query that has ended, or continues as a task.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchByQuery)]
#[serde(untagged)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) enum ByQuery {
    /// The deletion has ended.
    Ended(DeletedByQuery),
    /// The deletion continues.
    Started(Started),
}

/// The answer to an accepted deletion by query.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "The result of the deletion",
    headers(("Warning" = String, description = "The request used `size`, the old name of `max_docs`")),
)]
#[expect(dead_code, reason = "only for the document")]
struct CameTo(ByQuery);

/// Delete memories by query, and wait for the end. The deletion continues if the client disconnects.
#[utoipa::path(
    post,
    path = "/_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/_delete_by_query",
    operation_id = "openSearchDeleteByQuery",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("memory_container_id" = String, Path, description = "The container: a target, or a workspace"),
        ("type" = String, Path, description = "`sessions`, `working`, `long-term` or `history`"),
        ("X-Opaque-Id" = Option<String>, Header, description = "A name for the request. The task's `headers` repeat it"),
        ByQueryParams,
        WrittenParams,
    ),
    request_body(content = Value, description = "`{\"query\": {…}, \"max_docs\": …, \"conflicts\": …}`", content_type = "application/json"),
    responses(
        CameTo,
        Errors,
    ),
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
        section: None,
        words: &[("workspace", "memory_container_id")],
    };
    delete(asked, &query, body, there, &container, Validation::OfMemories).await
}

/// Delete memories of all types in a table by query. Otherwise it works as in a container.
#[utoipa::path(
    post,
    path = "/{index}/_delete_by_query",
    operation_id = "openSearchDeleteInIndex",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("index" = String, Path, description = "A target with one table, a table, or `target.table`"),
        ("X-Opaque-Id" = Option<String>, Header, description = "A name for the request. The task's `headers` repeat it"),
        ByQueryParams,
        WrittenParams,
    ),
    request_body(content = Value, description = "`{\"query\": {…}, \"max_docs\": …, \"conflicts\": …}`", content_type = "application/json"),
    responses(
        CameTo,
        StoppedOr,
    ),
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

/// Deletes in the index `memories`. Agno's paths begin with this name too.
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
        section: None,
        words: &[],
    };
    delete(asked, query, body, there, index, Validation::OfIndices).await
}

/// Deletes by query. `container` is the value of the field `memory_container_id`.
async fn delete(
    asked: Asked<'_>,
    query: &Query,
    body: Body,
    there: Result<MappedContainer<'_>, Problem>,
    container: &str,
    validation: Validation,
) -> Result<Response, Problem> {
    let (state, headers) = (asked.state, asked.headers);
    let parameters = Parameters::read(query)?;
    let owner = owner(asked.principal)?;
    let mut incoming = Incoming::new(body, state.config().api.max_body);
    let read = read(asked, &mut incoming, &parameters, there, container, validation).await;
    let (there, filter, how, held) = incoming.settle(headers, read).await?;
    let place = MemoryScope { owner, ..at(&there) };
    let what = What::Query(filter, Box::new(how), held);
    let mut response = if parameters.wait_for_completion {
        to_the_end(asked, place, what, validation).await?
    } else {
        asked.accept(place, what, |job| Json(Started::new(job))).await?
    };
    if parameters.is_dated() {
        response.headers_mut().insert(header::WARNING, DATED);
    }
    Ok(response)
}

async fn to_the_end(
    asked: Asked<'_>,
    place: MemoryScope,
    what: What,
    validation: Validation,
) -> Result<Response, Problem> {
    match asked.erase_to_the_end(place, what).await? {
        Erasure::Done(done) => {
            if let Some(problem) = mistyped::of(asked.state, &done.job).await? {
                return Err(problem.about(done.job.id));
            }
            let body = DeletedByQuery::of(asked.state, asked.principal, &done.job).await?;
            // The agentic memory answers 200 even with failures.
            let status = match validation {
                Validation::OfMemories => StatusCode::OK,
                Validation::OfIndices => body.status(),
            };
            Ok(done.answer((status, Extension(Whole), Json(body))))
        }
        Erasure::Later(response) => Ok(response),
    }
}

/// Returns the caller's name for its request, unless it is empty, too long or not ASCII.
fn opaque_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(OPAQUE_ID)?.to_str().ok()?;
    (!id.is_empty() && id.len() <= MAX_OPAQUE_ID).then(|| id.to_owned())
}

/// Reads the selection and its options, and returns them with the bytes of the body. As in OpenSearch, an invalid
/// request is refused before its index is looked up.
async fn read<'a>(
    asked: Asked<'_>,
    incoming: &mut Incoming,
    parameters: &Parameters,
    there: Result<MappedContainer<'a>, Problem>,
    container: &str,
    validation: Validation,
) -> Result<(MappedContainer<'a>, Filter, How, Held), Problem> {
    let (state, headers) = (asked.state, asked.headers);
    asked.principal.require_erasing()?;
    json_only(headers, incoming.is_nothing())?;
    let bytes = incoming
        .whole(headers, &state.places().of(&asked.principal.name), &state.config().api)
        .await?;
    let body = body::Body::read(&bytes, &parameters.unsupported, validation)?;
    let how = parameters.how(&body, opaque_id(headers))?;
    let there = there?;
    let filter = dsl::read(&body.query, there.table, container, state.clock().now())?;
    Ok((there, filter, how, bytes.parsed()))
}
