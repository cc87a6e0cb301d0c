#![doc = include_str!("../../docs/mem0.md")]

mod event;
mod forget;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{ErrorShape, Says, example_of};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// Below which paths its routes are, those included that are not answered here: its clients read their refusal.
pub(super) const ROOTS: [&str; 14] = [
    "/v1/memories",
    "/v1/batch",
    "/v1/event",
    "/v1/events",
    "/v1/ping",
    "/v1/entities",
    "/v2/entities",
    "/v2/memories",
    "/v3/memories",
    "/v1/exports",
    "/v1/feedback",
    "/v1/summary",
    "/v2/profiles",
    "/api/v1/orgs",
];

/// Deletions that are answered at once: the event says how far they are.
pub(super) const AT_ONCE: [&str; 2] = ["/v1/memories/", "/v2/entities/{entity_type}/{entity_id}/"];

/// What went wrong, as mem0 says it.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Error)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    #[schema(example = "Memory not found!")]
    error: String,
    /// The same again: mem0's own client shows its users this field.
    #[schema(example = "Memory not found!")]
    detail: String,
}

/// What a request without credentials is answered with.
const UNPROVEN: &str =
    "send one header `Authorization: Token` and an API key, or `Authorization: Bearer` and an API key or a token";

/// What is answered beside success.
type Errors = super::document::Errors<ErrorBody>;

impl ErrorShape for ErrorBody {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 503];

    fn example(status: u16) -> Option<Value> {
        example_of::<Self>(status)
    }
}

impl Says for ErrorBody {
    fn of(problem: &Problem, _: StatusCode, request_id: &str) -> Self {
        let error = problem.text(request_id);
        let detail = error.clone();
        Self { error, detail }
    }

    fn special(status: u16) -> Option<Problem> {
        match status {
            400 => Some(Problem::new(Kind::Malformed, "memory_id should be a valid UUID")),
            401 => Some(Problem::new(Kind::Unauthorized, UNPROVEN)),
            404 => Some(Problem::new(Kind::NotFound, "Memory not found!")),
            503 => Some(Problem::usual(Kind::LedgerUnavailable)),
            _ => None,
        }
    }
}

/// Returns mem0's routes. Its clients write a slash at the end.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(forget::delete_memory))
        .routes(routes!(forget::delete_memories))
        .routes(routes!(forget::delete_batch))
        .routes(routes!(forget::delete_entity))
        .routes(routes!(event::event))
        .routes(routes!(event::ping))
        .route("/v1/memories/{memory_id}", delete(forget::delete_memory))
        .route("/v1/memories", delete(forget::delete_memories))
        .route("/v1/batch", delete(forget::delete_batch))
        .route("/v2/entities/{entity_type}/{entity_id}", delete(forget::delete_entity))
        .route("/v1/event/{event_id}", get(event::event))
        .route("/v1/ping", get(event::ping))
}

/// Says a problem as mem0 does, whose API has no 422.
pub(super) fn error(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    let status = match status {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    (status, Json(ErrorBody::of(problem, status, request_id))).into_response()
}
