//! mem0's deletion of a memory.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use uuid::Uuid;

use super::asked::{Deleted, deleted, linked, place};
use super::error::Errors;
use crate::compat::bodiless::NoBody;
use crate::compat::erase::Asked;
use crate::compat::outcome::{Erasure, erased};
use crate::compat::read::{Caller, InPath, Query};
use crate::compat::wanted::What;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// Delete a memory.
#[utoipa::path(
    delete,
    path = "/v1/memories/{memory_id}/",
    operation_id = "mem0DeleteMemory",
    tag = "mem0",
    security(("token" = []), ("bearer" = [])),
    params(
        ("memory_id" = Uuid, Path, description = "The memory's id"),
        ("delete_linked" = Option<bool>, Query, description = "Refused if true"),
    ),
    responses(
        (status = 200, description = "Deleted, in both stores", body = Deleted,
            example = json!({"message": "Memory deleted successfully!"})),
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
    query.only(&["delete_linked", "org_id", "project_id"])?;
    if linked(&query)? {
        // Lethe does not know the superseded memories, so it cannot confirm their deletion.
        let detail = "delete_linked is not supported: delete the superseded memories by their ids";
        return Err(Problem::new(Kind::Malformed, detail));
    }
    let Ok(id) = Uuid::try_parse(&id) else {
        return Err(Problem::new(Kind::Malformed, "memory_id should be a valid UUID"));
    };
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /v1/memories/{memory_id}/",
        section: Some("mem0"),
        words: &[("select.ids[0]", "memory_id")],
    };
    let what = What::Ids(vec![id.to_string()], None);
    match asked.erase(place(&state), what).await? {
        Erasure::Done(done) if erased(&done.job) == 0 => {
            Err(Problem::new(Kind::NotFound, "Memory not found!").about(done.job.id))
        }
        Erasure::Done(done) => Ok(deleted(&done, "Memory deleted successfully!".to_owned())),
        Erasure::Later(response) => Ok(response),
    }
}
