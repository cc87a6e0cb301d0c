//! Errors in mem0's format.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::compat::document::{self, ErrorShape, Says, example_of};
use crate::http::problem::{Kind, Problem};

/// An error in mem0's format.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Error)]
pub(crate) struct ErrorBody {
    /// The text of the error.
    #[schema(example = "Memory not found!")]
    error: String,
    /// The same text: mem0's own client shows its users this field.
    #[schema(example = "Memory not found!")]
    detail: String,
}

/// The answer to a request without credentials.
const UNPROVEN: &str =
    "send one header `Authorization: Token` and an API key, or `Authorization: Bearer` and an API key or a token";

/// The answers other than success.
pub(super) type Errors = document::Errors<ErrorBody>;

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

/// Returns a problem as a response in mem0's format. Its API has no 422.
pub(in crate::compat) fn error(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    let status = match status {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    (status, Json(ErrorBody::of(problem, status, request_id))).into_response()
}
