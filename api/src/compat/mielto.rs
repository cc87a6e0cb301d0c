#![doc = include_str!("../../../docs/src/compatibility/mielto.md")]

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::bodiless::{self, NoBody};
use super::document::{ErrorShape, Says, example_of};
use super::erase::Asked;
use super::outcome::{Erasure, erased};
use super::read::{Caller, InPath, Query};
use super::wanted::{MemoryScope, What};
use crate::auth::Denied;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The answer to a deletion.
#[derive(Serialize, ToSchema)]
#[schema(as = MemoryDeleteResponse)]
pub(crate) struct Deleted {
    /// The memory's id.
    memory_id: String,
    /// A fixed message.
    #[schema(example = "Memory deleted successfully")]
    message: &'static str,
}

/// The errors of an invalid request, in Mielto's format.
#[derive(Serialize, ToSchema)]
#[schema(as = HTTPValidationError)]
pub(crate) struct InvalidBody {
    detail: Vec<InvalidField>,
}

/// The error of a field.
#[derive(Serialize, ToSchema)]
#[schema(as = ValidationError)]
struct InvalidField {
    /// The place of the field.
    #[schema(example = json!(["query", "user_id"]))]
    #[schema(value_type = Vec<String>)]
    loc: &'static [&'static str],
    /// The necessary change.
    msg: String,
    /// The kind of error.
    r#type: &'static str,
}

/// Any other error.
#[derive(Serialize, ToSchema)]
#[schema(as = MieltoError)]
pub(crate) struct ErrorBody {
    /// The text of the error.
    detail: String,
}

/// The answers other than success.
type Errors = super::document::Errors<ErrorBody>;

impl ErrorShape for ErrorBody {
    const STATUSES: &'static [u16] = &[401, 403, 404, 409, 429, 500, 503];

    fn example(status: u16) -> Option<Value> {
        example_of::<Self>(status)
    }
}

impl Says for ErrorBody {
    fn of(problem: &Problem, _: StatusCode, request_id: &str) -> Self {
        let detail = problem.text(request_id);
        Self { detail }
    }

    fn special(status: u16) -> Option<Problem> {
        (status == 404).then(absent)
    }
}

/// Delete a memory, only on behalf of its owner.
#[utoipa::path(
    delete,
    path = "/api/v1/memories/{memory_id}",
    operation_id = "mieltoDeleteMemory",
    tag = "mielto",
    params(
        ("memory_id" = String, Path, description = "The memory's id"),
        ("user_id" = Option<String>, Query, nullable, description = "The owner. Required if the API key is not bound to a person"),
        ("X-Workspace-Id" = Option<String>, Header, nullable, description = "The workspace"),
    ),
    responses(
        (status = 200, description = "Deleted, in both stores", body = Deleted,
            example = json!({"memory_id": "d23f0824-128b-4f33-8c5c-7fd0a6a3a450", "message": "Memory deleted successfully"})),
        (status = 422, description = "The request is invalid", body = InvalidBody,
            example = json!({"detail": [{"loc": ["query", "user_id"], "msg": "`user_id`: name the owner", "type": "value_error"}]})),
        Errors,
    ),
)]
pub(crate) async fn delete_memory(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Problem> {
    let asked = query.owner("user_id")?;
    let owner = match principal.owner(asked.as_deref()) {
        // Callers with access to all owners must name one too.
        Ok(None) | Err(Denied::OwnerNeeded) => return Err(Problem::invalid("user_id", "name the owner")),
        // Another owner's memory does not exist for this caller.
        Err(Denied::OwnerForeign) => return Err(absent()),
        owner => owner?,
    };
    let place = MemoryScope {
        owner,
        workspace: workspace(&headers)?,
        ..MemoryScope::from(&state.config().compat.mielto)
    };
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /api/v1/memories/{memory_id}",
        section: Some("mielto"),
        words: &[
            ("select.ids[0]", "memory_id"),
            ("owner", "user_id"),
            ("workspace", "X-Workspace-Id"),
        ],
    };
    match asked.erase_repeatably(place, What::Ids(vec![id.clone()], None)).await? {
        Erasure::Done(done) if erased(&done.job) == 0 => Err(absent().about(done.job.id)),
        Erasure::Done(done) => Ok(done.answer(Json(Deleted {
            memory_id: id,
            message: "Memory deleted successfully",
        }))),
        Erasure::Later(response) => Ok(response),
    }
}

fn absent() -> Problem {
    Problem::new(Kind::NotFound, "Memory not found")
}

/// Reads the workspace. An empty header means no workspace.
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

/// Returns a problem as a response in Mielto's format, which is `FastAPI`'s.
pub(super) fn error(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    if status != StatusCode::UNPROCESSABLE_ENTITY {
        return (status, Json(ErrorBody::of(problem, status, request_id))).into_response();
    }
    let loc: &[&str] = match problem.field.as_deref() {
        Some("user_id") => &["query", "user_id"],
        Some("X-Workspace-Id") => &["header", "X-Workspace-Id"],
        Some(bodiless::PLACE) => &["body"],
        Some("target" | "table") => &["configuration", "compat.mielto"],
        _ => &["path", "memory_id"],
    };
    let invalid = InvalidField {
        loc,
        msg: problem.text(request_id),
        r#type: "value_error",
    };
    (status, Json(InvalidBody { detail: vec![invalid] })).into_response()
}
