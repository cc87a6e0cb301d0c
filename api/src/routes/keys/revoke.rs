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
    /// The problem of a key that does not exist.
    NoKey {
        404 "No such key"
    }
}

/// Revoke an API key with all its secrets: at once in this process, within 5 seconds in others.
#[utoipa::path(delete, path = "/v1/keys/{name}", operation_id = "revokeKey", tag = "keys",
    params(("name" = String, Path, description = "The key's name")),
    responses(
        (status = 204, description = "The key is revoked"),
        NoKey,
        Usual,
    ))]
pub(crate) async fn revoke(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<StatusCode, Problem> {
    revoked(&state, &principal, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes a key.
pub(crate) async fn revoked(state: &AppState, principal: &Principal, name: &str) -> Result<(), Problem> {
    allow(principal)?;
    // No key of the ledger has another kind of name, and PostgreSQL accepts no NUL.
    let removed = is_name(name) && state.ledger().remove_key(name, &principal.actor()).await?;
    if !removed {
        return Err(unknown());
    }
    state.auth().forget(name);
    Ok(())
}
