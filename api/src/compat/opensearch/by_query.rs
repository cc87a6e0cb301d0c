//! Deleting memories by query.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use lethe_common::filter::Filter;
use serde_json::Value;

use super::answer::{DeletedByQuery, Errors};
use super::by_id::{at, owner};
use super::dsl::{self, refused};
use super::place::{self, Found};
use super::short;
use super::unique::Unique;
use crate::app::AppState;
use crate::body::{self, Incoming};
use crate::compat::erase::{Asked, Erasure, Place, What};
use crate::compat::read::{Caller, InPath, Query};
use crate::json;
use crate::problem::{Kind, Problem};

const MISSING: &str = "Query parameter is required for delete by query operation. To delete all documents, explicitly \
    provide a match_all query: {\"query\": {\"match_all\": {}}}";

/// What is taken and needs nothing done: deletions are seen at once, and wait as long as they take.
const TAKEN: [&str; 5] = ["refresh", "timeout", "pretty", "human", "error_trace"];

/// What later versions will understand.
const LATER: [&str; 7] = [
    "conflicts",
    "max_docs",
    "requests_per_second",
    "scroll_size",
    "slices",
    "scroll",
    "wait_for_completion",
];

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
    ),
    request_body(content = Value, description = "`{\"query\": {…}}`", content_type = "application/json"),
    responses((status = 200, description = "What it came to", body = DeletedByQuery), Errors),
)]
pub(crate) async fn delete_by_query(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath((container, kind)): InPath<(String, String)>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    parameters(&query)?;
    let there = place::find(state.config(), &principal, &container, &kind)?;
    let place = Place {
        owner: owner(&principal)?,
        ..at(&there)
    };
    let mut incoming = Incoming::new(body, state.config().api.max_body);
    let filter = read(&state, &headers, &mut incoming, &there, &container).await;
    let filter = incoming.settle(&headers, filter).await?;
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "POST /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/_delete_by_query",
        words: &[("workspace", "memory_container_id")],
    };
    let table = there.table.name.clone();
    match asked.erase_to_the_end(place, What::Query(filter)).await? {
        Erasure::Done(done) => {
            let body = DeletedByQuery::new(&done.job, &table, state.config().worker.batch);
            Ok(done.answer(Json(body)))
        }
        Erasure::Later(response) => Ok(response),
    }
}

fn parameters(query: &Query) -> Result<(), Problem> {
    for name in query.names() {
        let name = short(name);
        if LATER.contains(&name.as_str()) {
            let detail = format!("[{name}] is not supported yet: leave it out");
            return Err(Problem::new(Kind::Malformed, detail));
        }
        if !TAKEN.contains(&name.as_str()) {
            let detail = format!("request contains unrecognized parameter: [{name}]");
            return Err(Problem::new(Kind::Malformed, detail));
        }
    }
    Ok(())
}

async fn read(
    state: &AppState,
    headers: &HeaderMap,
    incoming: &mut Incoming,
    there: &Found<'_>,
    container: &str,
) -> Result<Filter, Problem> {
    body::json_only(headers)?;
    let bytes = incoming
        .whole(headers, state, state.config().api.request_timeout)
        .await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new(Kind::Malformed, MISSING));
    }
    let Unique(body) = json::read(&bytes).map_err(|problem| problem.into_kind(Kind::BadQuery))?;
    let Value::Object(body) = &body else {
        return Err(refused("the body needs an object"));
    };
    if let Some(name) = body.keys().find(|name| *name != "query") {
        let name = short(name);
        let later = if LATER.contains(&name.as_str()) { " yet" } else { "" };
        return Err(refused(&format!("[{name}] is not supported{later}: leave it out")));
    }
    match body.get("query") {
        None | Some(Value::Null) => Err(Problem::new(Kind::Malformed, MISSING)),
        Some(query) => dsl::read(query, there.table, container),
    }
}
