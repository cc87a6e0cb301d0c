//! `DELETE /v1/schedules/{name}`.

use axum::extract::State;
use axum::http::StatusCode;

use super::seen;
use crate::auth::Principal;
use crate::http::extract::{NamePath, Nothing};
use crate::http::problem::Problem;
use crate::routes::answers::{NoSchedule, Usual};
use crate::state::AppState;

/// Delete a schedule. Jobs that it has made go on.
#[utoipa::path(delete, path = "/v1/schedules/{name}", operation_id = "removeSchedule", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses(
        (status = 204, description = "The schedule is deleted"),
        NoSchedule,
        Usual,
    ))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<StatusCode, Problem> {
    removed(&state, &principal, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a schedule that the caller may change.
pub(crate) async fn removed(state: &AppState, principal: &Principal, name: &str) -> Result<(), Problem> {
    seen::controlled(state, principal, name).await?;
    if state.ledger().remove_schedule(name, &principal.actor()).await? {
        Ok(())
    } else {
        Err(seen::unknown())
    }
}
