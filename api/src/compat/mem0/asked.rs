//! What mem0's deletions have in common.

use axum::Json;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::compat::outcome::Done;
use crate::compat::read::Query;
use crate::compat::wanted::MemoryScope;
use crate::http::problem::Problem;
use crate::state::AppState;

/// What a deletion is answered with.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Deleted)]
pub(crate) struct Deleted {
    /// What was done.
    #[schema(example = "Memory deleted successfully!")]
    message: String,
}

/// Answers that memories were erased.
pub(super) fn deleted(done: &Done, message: String) -> Response {
    done.answer(Json(Deleted { message }))
}

/// Reads whether what a memory superseded is to go too.
pub(super) fn linked(query: &Query) -> Result<bool, Problem> {
    // As Python and JavaScript write it.
    match query.one("delete_linked")? {
        None | Some("" | "false" | "False" | "0") => Ok(false),
        Some("true" | "True" | "1") => Ok(true),
        Some(_) => Err(Problem::invalid("delete_linked", "write true or false")),
    }
}

/// Returns where memories are.
pub(super) fn place(state: &AppState) -> MemoryScope {
    MemoryScope::from(&state.config().compat.mem0)
}
