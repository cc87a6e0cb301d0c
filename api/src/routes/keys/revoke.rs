//! `DELETE /v1/keys/{name}`.

use axum::extract::State;
use axum::http::StatusCode;
use lethe_common::config::is_name;

use super::allowed::{allow, unknown};
use crate::auth::Principal;
use crate::http::extract::{NamePath, Nothing};
use crate::http::problem::Problem;
use crate::routes::answers::{Usual, problems};
use crate::state::AppState;

problems! {
    /// What is answered where there is no such key.
    NoKey {
        404 "No such key"
    }
}

/// Take an API key away: at once here, within seconds in other processes.
#[utoipa::path(delete, path = "/v1/keys/{name}", operation_id = "revokeKey", tag = "keys",
    params(("name" = String, Path, description = "The key's name")),
    responses(
        (status = 204, description = "It opens nothing any more"),
        NoKey,
        Usual,
    ))]
pub(crate) async fn revoke(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<StatusCode, Problem> {
    allow(&principal)?;
    // No key of the ledger is called otherwise, and PostgreSQL takes no NUL.
    let removed = is_name(&name) && state.ledger().remove_key(&name, &principal.actor()).await?;
    if !removed {
        return Err(unknown());
    }
    state.auth().forget(&name);
    Ok(StatusCode::NO_CONTENT)
}
