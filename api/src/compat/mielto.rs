#![doc = include_str!("../../docs/mielto.md")]

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use super::erase::{Erasure, Place, What, erase, erased};
use super::read::{Caller, InPath, Query};
use crate::answer::{Job, name_job};
use crate::app::AppState;
use crate::auth::Denied;
use crate::problem::{Kind, Problem};

/// What a deletion is answered with.
#[derive(Serialize, ToSchema)]
#[schema(as = MemoryDeleteResponse)]
pub(crate) struct Deleted {
    /// The memory's id.
    memory_id: String,
    /// Always the same.
    #[schema(example = "Memory deleted successfully")]
    message: &'static str,
}

/// What is wrong with a request, as Mielto says it.
#[derive(Serialize, ToSchema)]
#[schema(as = HTTPValidationError)]
pub(crate) struct InvalidBody {
    detail: Vec<InvalidField>,
}

/// What is wrong with a field.
#[derive(Serialize, ToSchema)]
#[schema(as = ValidationError)]
struct InvalidField {
    /// Where it is.
    #[schema(example = json!(["query", "user_id"]))]
    loc: Vec<String>,
    /// What to change.
    msg: String,
    /// What kind of fault it is.
    r#type: &'static str,
}

/// Any other error.
#[derive(Serialize, ToSchema)]
#[schema(as = MieltoError)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    detail: String,
}

/// What is answered beside success.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) enum Errors {
    /// Accepted, and not ended yet.
    #[response(status = 202)]
    Later(Job),
    /// No known credentials.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// A scope is missing, or the workspace is not the caller's.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// No such memory, or it is somebody else's.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// The deletion was stopped.
    #[response(status = 409)]
    Conflict(ErrorBody),
    /// Something is wrong.
    #[response(status = 422)]
    Invalid(InvalidBody),
    /// Too many requests.
    #[response(status = 429)]
    TooMany(ErrorBody),
    /// It could not be deleted, or a fault of the service.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// The ledger is away, or too many jobs are unfinished.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// Delete a memory: only its owner can.
#[utoipa::path(
    delete,
    path = "/api/v1/memories/{memory_id}",
    operation_id = "mieltoDeleteMemory",
    tag = "mielto",
    params(
        ("memory_id" = String, Path, description = "The memory's id"),
        ("user_id" = Option<String>, Query, nullable, description = "The owner; needed with a key that is nobody's"),
        ("X-Workspace-Id" = Option<String>, Header, nullable, description = "The workspace"),
    ),
    responses((status = 200, description = "Deleted, in both stores", body = Deleted), Errors),
)]
pub(crate) async fn delete_memory(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = query.owner("user_id")?;
    let owner = match principal.owner(asked.as_deref()) {
        // Whoever may erase anybody's says whose all the same.
        Ok(None) | Err(Denied::OwnerNeeded) => return Err(Problem::invalid("user_id", "name the owner")),
        // Somebody else's memory does not exist.
        Err(Denied::OwnerForeign) => return Err(absent()),
        owner => owner?,
    };
    let place = Place {
        owner,
        workspace: workspace(&headers)?,
        ..Place::from(&state.config().compat.mielto)
    };
    let route = "DELETE /api/v1/memories/{memory_id}";
    match erase(&state, &principal, &headers, route, place, What::Ids(vec![id.clone()])).await? {
        Erasure::Done(job) if erased(&job) == 0 => Err(absent().about(job.id)),
        Erasure::Done(job) => {
            let body = Deleted {
                memory_id: id,
                message: "Memory deleted successfully",
            };
            let mut response = Json(body).into_response();
            name_job(response.headers_mut(), job.id);
            Ok(response)
        }
        Erasure::Later(response) => Ok(response),
    }
}

fn absent() -> Problem {
    Problem::new(Kind::NotFound, "Memory not found")
}

/// Reads the workspace; one that is empty is none.
fn workspace(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all("x-workspace-id").iter();
    let refused = || Problem::invalid("X-Workspace-Id", "send it once, as UTF-8");
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = std::str::from_utf8(value.as_bytes()).map_err(|_| refused())?;
            Ok((!text.is_empty()).then(|| text.to_owned()))
        }
        _ => Err(refused()),
    }
}

/// Says a problem as Mielto does, that is as `FastAPI` does.
pub(super) fn error(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    let text = problem.text(request_id);
    if status != StatusCode::UNPROCESSABLE_ENTITY {
        return (status, Json(ErrorBody { detail: text })).into_response();
    }
    let field = problem.field.as_deref().unwrap_or_default();
    let place = match field {
        "user_id" | "owner" => "query",
        "X-Workspace-Id" | "workspace" => "header",
        _ => "path",
    };
    let name = match field {
        "owner" => "user_id",
        "workspace" => "X-Workspace-Id",
        field if place == "path" && !field.starts_with("memory") => "memory_id",
        field => field,
    };
    let invalid = InvalidField {
        loc: vec![place.to_owned(), name.to_owned()],
        msg: text,
        r#type: "value_error",
    };
    (status, Json(InvalidBody { detail: vec![invalid] })).into_response()
}
