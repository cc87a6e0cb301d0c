#![doc = include_str!("../../../docs/src/compatibility/memoryplugin.md")]

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::bodiless::NoBody;
use super::document::{ErrorShape, Says, example_of};
use super::erase::Asked;
use super::outcome::Erasure;
use super::read::{Caller, InPath};
use super::wanted::{MemoryScope, What};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The answer to a deletion.
#[derive(Serialize, ToSchema)]
#[schema(as = MemoryPluginDeleted)]
pub(crate) struct Deleted {
    #[schema(inline)]
    message: Message,
}

/// The only message.
#[derive(Serialize, ToSchema)]
enum Message {
    #[serde(rename = "Memory deleted")]
    Deleted,
}

/// An error in MemoryPlugin's format.
#[derive(Serialize, ToSchema)]
#[schema(as = MemoryPluginError)]
pub(crate) struct ErrorBody {
    /// The text of the error.
    #[schema(required = false)]
    error: String,
}

/// The answers other than success.
type Errors = super::document::Errors<ErrorBody>;

impl ErrorShape for ErrorBody {
    const STATUSES: &'static [u16] = &[400, 401, 403, 409, 429, 500, 503];

    fn example(status: u16) -> Option<Value> {
        example_of::<Self>(status)
    }
}

impl Says for ErrorBody {
    fn of(problem: &Problem, _: StatusCode, request_id: &str) -> Self {
        let error = problem.text(request_id);
        Self { error }
    }

    fn special(status: u16) -> Option<Problem> {
        (status == 400).then(without_memory)
    }
}

/// Delete a memory. An absent memory counts as deleted.
#[utoipa::path(
    delete,
    path = "/api/memories/{memoryId}",
    operation_id = "memoryPluginDeleteMemory",
    tag = "memoryplugin",
    params(("memoryId" = String, Path, description = "The memory's id")),
    responses(
        (status = 200, description = "Deleted, in both stores", body = Deleted, example = json!({"message": "Memory deleted"})),
        Errors,
    ),
)]
pub(crate) async fn delete_memory(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Problem> {
    let place = MemoryScope::from(&state.config().compat.memoryplugin);
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /api/memories/{memoryId}",
        section: Some("memoryplugin"),
        words: &[("select.ids[0]", "memoryId")],
    };
    match asked.erase_repeatably(place, What::Ids(vec![id], None)).await? {
        Erasure::Done(done) => Ok(done.answer(Json(Deleted {
            message: Message::Deleted,
        }))),
        Erasure::Later(response) => Ok(response),
    }
}

/// Refuses a deletion without an id.
pub(crate) async fn without_id() -> Problem {
    without_memory()
}

fn without_memory() -> Problem {
    Problem::new(Kind::Malformed, "Memory ID is required")
}

/// Returns a problem as a response in MemoryPlugin's format. Its API has neither 404 nor 422.
pub(super) fn error(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    let status = match status {
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND => StatusCode::BAD_REQUEST,
        status => status,
    };
    (status, Json(ErrorBody::of(problem, status, request_id))).into_response()
}
