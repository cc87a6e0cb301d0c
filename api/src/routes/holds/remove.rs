//! `DELETE /v1/holds/{name}`.

use axum::extract::State;
use axum::http::StatusCode;

use super::put::changed;
use super::seen;
use crate::auth::Principal;
use crate::http::extract::{NamePath, Nothing};
use crate::http::problem::Problem;
use crate::routes::answers::{NoHold, Usual};
use crate::state::AppState;

/// Release a hold. The jobs that it kept from ending go on, with the memories that it kept.
///
/// The persons, ids or workspaces that it names are deleted. Its name, its ground and its reference stay for the
/// retention of the audit trail.
#[utoipa::path(delete, path = "/v1/holds/{name}", operation_id = "releaseHold", tag = "holds",
    params(("name" = String, Path, description = "The hold's name")),
    responses(
        (status = 204, description = "The hold is released"),
        NoHold,
        Usual,
    ))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<StatusCode, Problem> {
    released(&state, &principal, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Releases a hold that the caller may see.
pub(crate) async fn released(state: &AppState, principal: &Principal, name: &str) -> Result<(), Problem> {
    loop {
        let row = seen::visible(state, principal, name).await?;
        if row.released_at.is_some() {
            return Err(seen::unknown());
        }
        if state
            .ledger()
            .release_hold(name, row.revision, &principal.actor())
            .await?
        {
            changed(state).await;
            return Ok(());
        }
        // Another request has changed the hold. The next turn checks whether the caller may release it.
    }
}
