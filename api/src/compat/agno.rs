#![doc = include_str!("../../../docs/src/compatibility/agno.md")]

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::bodiless::NoBody;
use super::document::{ErrorShape, Says, example_of};
use super::erase::Asked;
use super::outcome::{Erasure, erased};
use super::read::{Caller, InPath, Query};
use super::wanted::{MemoryScope, What};
use crate::auth::{Denied, Principal};
use crate::deletion::placement;
use crate::http::body::Incoming;
use crate::http::json;
use crate::http::limits::body_bytes::Held;
use crate::http::media_type::json_only;
use crate::http::object::Object;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// An error in Agno's format.
#[derive(Serialize, ToSchema)]
#[schema(as = AgnoError)]
pub(crate) struct ErrorBody {
    /// The text of the error.
    #[schema(example = "Memory not found")]
    detail: String,
    /// The code of the error.
    #[schema(required = false, example = "NOT_FOUND")]
    error_code: &'static str,
}

/// The memories to delete.
#[derive(Deserialize, ToSchema)]
#[schema(as = DeleteMemoriesRequest)]
pub(crate) struct DeleteMemories {
    /// The ids of the memories.
    #[schema(min_items = 1)]
    memory_ids: Vec<String>,
    /// Deletes only memories of this owner.
    #[serde(default)]
    user_id: Option<String>,
}

/// The place and the owner of a memory.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) struct SingleParams {
    /// Deletes the memory only if it belongs to this owner.
    #[param(nullable)]
    user_id: Option<String>,
    /// The target.
    #[param(nullable)]
    db_id: Option<String>,
    /// The table inside it.
    #[param(nullable)]
    table: Option<String>,
}

/// The answer to a deletion. It has no body, but Agno's content type.
const DELETED: (StatusCode, [(HeaderName, HeaderValue); 1]) = (
    StatusCode::NO_CONTENT,
    [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
);

/// The path prefixes of Agno's memory routes, served here or not: errors below them are in Agno's format.
pub(super) const ROOTS: [&str; 4] = [
    "/memories",
    "/memory_topics",
    "/user_memory_stats",
    "/optimize-memories",
];

/// Agno's names for a target and for a table.
const PLACE: [(&str, &str); 2] = [("target", "db_id"), ("table", "table")];

/// The answers other than success.
type Errors = super::document::Errors<ErrorBody>;

impl ErrorShape for ErrorBody {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503];

    fn example(status: u16) -> Option<Value> {
        example_of::<Self>(status)
    }
}

impl Says for ErrorBody {
    fn of(problem: &Problem, status: StatusCode, request_id: &str) -> Self {
        let detail = problem.text(request_id);
        let error_code = code(status);
        Self { detail, error_code }
    }

    fn special(status: u16) -> Option<Problem> {
        let several = "The db_id query parameter is required when using multiple databases";
        match status {
            400 => Some(Problem::new(Kind::Malformed, several)),
            404 => Some(Problem::new(Kind::NotFound, "Memory not found")),
            _ => None,
        }
    }
}

/// Delete a memory.
#[utoipa::path(
    delete,
    path = "/memories/{memory_id}",
    operation_id = "agnoDeleteMemory",
    tag = "agno",
    params(("memory_id" = String, Path, description = "The memory's id"), SingleParams),
    responses((status = 204, description = "Deleted, in both stores"), Errors),
)]
pub(crate) async fn delete_memory(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Problem> {
    let mut place = place(&state, &principal, &query)?;
    place.owner = owner(&principal, query.owner("user_id")?)?;
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /memories/{memory_id}",
        section: None,
        words: &[("select.ids[0]", "memory_id"), ("owner", "user_id"), PLACE[0], PLACE[1]],
    };
    match asked.erase_repeatably(place, What::Ids(vec![id], None)).await {
        Ok(Erasure::Done(done)) if erased(&done.job) == 0 => {
            Err(Problem::new(Kind::NotFound, "Memory not found").about(done.job.id))
        }
        Ok(Erasure::Done(done)) => Ok(done.answer(DELETED)),
        Ok(Erasure::Later(response)) => Ok(response),
        Err(problem) => Err(problem.beginning(Kind::ErasureFailed, "Failed to delete memory")),
    }
}

/// Delete several memories. Absent memories and memories of other owners are skipped.
#[utoipa::path(
    delete,
    path = "/memories",
    operation_id = "agnoDeleteMemories",
    tag = "agno",
    params(
        ("user_id" = Option<String>, Query, nullable, description = "Deletes only memories of this owner. A `user_id` in the body must be the same"),
        ("db_id" = Option<String>, Query, nullable, description = "The target"),
        ("table" = Option<String>, Query, nullable, description = "The table inside it"),
    ),
    request_body = DeleteMemories,
    responses((status = 204, description = "Deleted, in both stores"), Errors),
)]
pub(crate) async fn delete_memories(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut incoming = Incoming::new(body, state.config().api.max_body);
    let body = read(&state, &principal, &headers, &mut incoming).await;
    let (body, held) = incoming.settle(&headers, body).await?;
    let of_query = query.owner("user_id")?;
    let of_body = body.user_id.filter(|user| !user.is_empty());
    if of_query.is_some() && of_body.is_some() && of_query != of_body {
        return Err(Problem::invalid(
            "user_id",
            "the query and the body must name the same owner",
        ));
    }
    let mut place = place(&state, &principal, &query)?;
    place.owner = owner(&principal, of_query.or(of_body))?;
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /memories",
        section: None,
        words: &[("select.ids", "memory_ids"), ("owner", "user_id"), PLACE[0], PLACE[1]],
    };
    let what = What::Ids(body.memory_ids, Some(held));
    match asked.erase_repeatably(place, what).await {
        Ok(Erasure::Done(done)) => Ok(done.answer(DELETED)),
        Ok(Erasure::Later(response)) => Ok(response),
        Err(problem) => Err(problem.beginning(Kind::ErasureFailed, "Failed to delete memories")),
    }
}

/// Reads the body of a deletion of several memories. Returns it with its bytes of the budget.
async fn read(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    incoming: &mut Incoming,
) -> Result<(DeleteMemories, Held), Problem> {
    principal.require_erasing()?;
    // Agno answers a wrong content type like any other invalid body.
    json_only(headers, incoming.is_nothing()).map_err(|problem| problem.into_kind(Kind::Invalid))?;
    let bytes = incoming
        .whole(headers, &state.places().of(&principal.name), &state.config().api)
        .await?;
    let read: Result<Object<DeleteMemories>, _> = json::read(&bytes);
    let Object(asked) = read.map_err(|problem| problem.into_kind(Kind::Invalid))?;
    if asked.memory_ids.is_empty() {
        return Err(Problem::new(Kind::Malformed, "`memory_ids`: give at least one id"));
    }
    if asked.user_id.as_deref() == Some("") {
        return Err(Problem::invalid("user_id", "write something, or leave it out"));
    }
    Ok((asked, bytes.parsed()))
}

/// Returns the target and the table. Errors are in Agno's words.
fn place(state: &AppState, principal: &Principal, query: &Query) -> Result<MemoryScope, Problem> {
    let (db_id, table) = (query.name("db_id")?, query.name("table")?);
    let missing = |detail: &str| Err(Problem::new(Kind::Malformed, detail));
    let unknown = |detail: String| Err(Problem::new(Kind::NotFound, detail));
    let targets = principal.targets(state.config());
    let Some(db_id) = db_id else {
        if table.is_some() {
            return missing("The db_id query parameter is required when passing a table");
        }
        if targets.len() > 1 {
            return missing("The db_id query parameter is required when using multiple databases");
        }
        return Ok(MemoryScope::default());
    };
    let Ok(target) = placement::named(&targets, &db_id) else {
        return unknown(format!("No database found with id '{db_id}'"));
    };
    if let Some(table) = &table
        && target.table(table).is_none()
    {
        return unknown(format!("No database with id '{db_id}' has table '{table}'"));
    }
    Ok(MemoryScope {
        target: Some(db_id),
        table,
        ..MemoryScope::default()
    })
}

/// Returns the owner condition. Credentials that are bound to a person decide it and override the request.
fn owner(principal: &Principal, asked: Option<String>) -> Result<Option<String>, Problem> {
    let asked = if principal.user().is_some() { None } else { asked };
    match principal.owner(asked.as_deref()) {
        Err(Denied::OwnerNeeded) => {
            let detail = "name the owner (`user_id`), or use an API key that is bound to a person, or one with the scope `memories:delete:any`";
            Err(Problem::new(Kind::Malformed, detail))
        }
        owner => Ok(owner?),
    }
}

/// Returns a problem as a response in Agno's format.
pub(super) fn error(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    (status, Json(ErrorBody::of(problem, status, request_id))).into_response()
}

fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => "VALIDATION_ERROR",
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "FORBIDDEN",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::CONFLICT => "CONFLICT",
        StatusCode::PAYLOAD_TOO_LARGE => "PAYLOAD_TOO_LARGE",
        StatusCode::TOO_MANY_REQUESTS => "TOO_MANY_REQUESTS",
        StatusCode::SERVICE_UNAVAILABLE => "SERVICE_UNAVAILABLE",
        status if status.is_server_error() => "INTERNAL_SERVER_ERROR",
        _ => "BAD_REQUEST",
    }
}
