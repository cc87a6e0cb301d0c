#![doc = include_str!("../../docs/mem0.md")]

mod event;
mod forget;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Job;
use crate::app::AppState;
use crate::problem::Problem;

/// Below which paths its routes are.
pub(super) const ROOTS: [&str; 5] = ["/v1/memories", "/v1/batch", "/v1/event", "/v1/ping", "/v2/entities"];

/// What went wrong, as mem0 says it.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Error)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    #[schema(example = "Memory not found!")]
    error: String,
}

/// What is answered beside success.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) enum Errors {
    /// Accepted, and not ended yet.
    #[response(status = 202)]
    Later(Job),
    /// Something is missing or wrong.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// No known credentials.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// A scope is missing.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// No such memory or event.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// The body did not arrive in time.
    #[response(status = 408)]
    Timeout(ErrorBody),
    /// The deletion was stopped.
    #[response(status = 409)]
    Conflict(ErrorBody),
    /// Too large.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// Wrong content type.
    #[response(status = 415)]
    MediaType(ErrorBody),
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
    let error = problem.text(request_id);
    (status, Json(ErrorBody { error })).into_response()
}
