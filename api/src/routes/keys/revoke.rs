//! `DELETE /v1/keys/{name}`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lethe_common::config::is_name;
use serde::Serialize;
use utoipa::ToSchema;

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

/// The most schedules that an answer names.
const NAMED: u32 = 100;

/// The schedules that ran with the rights of a revoked key. Their due times are refused from now on, until another
/// caller saves them again.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct RevokedKey {
    /// Their names, the first 100.
    pub(crate) refused_schedules: Vec<String>,
    /// Whether there are more.
    pub(crate) more: bool,
}

/// Revoke an API key with all its secrets: at once in this process, within 5 seconds in others.
#[utoipa::path(delete, path = "/v1/keys/{name}", operation_id = "revokeKey", tag = "keys",
    params(("name" = String, Path, description = "The key's name")),
    responses(
        (status = 200, description = "The key is revoked, and these schedules are refused", body = RevokedKey),
        (status = 204, description = "The key is revoked, and no schedule ran with it"),
        NoKey,
        Usual,
    ))]
pub(crate) async fn revoke(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<Response, Problem> {
    let revoked = revoked(&state, &principal, &name).await?;
    Ok(if revoked.refused_schedules.is_empty() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Json(revoked).into_response()
    })
}

/// Returns the schedules that run with a key.
pub(crate) async fn schedules_of(state: &AppState, name: &str) -> Result<RevokedKey, Problem> {
    // A key of the configuration with this name goes before, and stays. PostgreSQL accepts no NUL.
    let is_configured = state.config().auth.keys.iter().any(|key| key.name == name);
    if is_configured || !is_name(name) {
        return Ok(RevokedKey::default());
    }
    let mut names = state.ledger().schedule_names_of(name, NAMED + 1).await?;
    let more = names.len() > NAMED as usize;
    names.truncate(NAMED as usize);
    Ok(RevokedKey {
        refused_schedules: names,
        more,
    })
}

/// Revokes a key. Returns the schedules that ran with it.
pub(crate) async fn revoked(state: &AppState, principal: &Principal, name: &str) -> Result<RevokedKey, Problem> {
    allow(principal)?;
    // Before the act: an error after it would hide that the key is revoked.
    let schedules = schedules_of(state, name).await?;
    // No key of the ledger has another kind of name, and PostgreSQL accepts no NUL.
    let removed = is_name(name) && state.ledger().remove_key(name, &principal.actor()).await?;
    if !removed {
        return Err(unknown());
    }
    state.auth().forget(name);
    Ok(schedules)
}
