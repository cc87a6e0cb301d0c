//! The parts that mem0's deletions share.

use axum::Json;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::compat::outcome::Done;
use crate::compat::read::Query;
use crate::compat::wanted::MemoryScope;
use crate::http::problem::Problem;
use crate::state::AppState;

/// The answer to a deletion.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Deleted)]
pub(crate) struct Deleted {
    /// The result of the deletion.
    #[schema(example = "Memory deleted successfully!")]
    message: String,
}

/// Returns the answer for erased memories.
pub(super) fn deleted(done: &Done, message: String) -> Response {
    done.answer(Json(Deleted { message }))
}

/// Reads whether the deletion includes the memories that this one superseded.
pub(super) fn linked(query: &Query) -> Result<bool, Problem> {
    // Python and JavaScript write booleans like this.
    match query.one("delete_linked")? {
        None | Some("" | "false" | "False" | "0") => Ok(false),
        Some("true" | "True" | "1") => Ok(true),
        Some(_) => Err(Problem::invalid("delete_linked", "write true or false")),
    }
}

/// Returns the place of mem0's memories in the configuration.
pub(super) fn place(state: &AppState) -> MemoryScope {
    MemoryScope::from(&state.config().compat.mem0)
}
