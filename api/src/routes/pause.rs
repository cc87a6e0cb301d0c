//! `POST /v1/pause`, `/v1/resume`, and both for one target.

use axum::Json;
use axum::extract::State;
use lethe_common::config::Scope;
use lethe_common::doorbell::Ring;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::http::extract::{NamePath, Nothing};
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{NoTarget, Usual};
use crate::state::AppState;

/// The present pauses.
#[derive(Serialize, ToSchema)]
pub(crate) struct Paused {
    /// Whether everything is paused.
    pub(crate) all: bool,
    /// The targets that are paused by themselves.
    pub(crate) targets: Vec<String>,
}

/// Pause everything. No new batch begins, and jobs are still accepted.
#[utoipa::path(post, path = "/v1/pause", operation_id = "pause", tag = "operation",
    responses((status = 200, description = "What is paused", body = Paused), Usual))]
pub(crate) async fn pause(
    State(state): State<AppState>,
    principal: Principal,
    Nothing: Nothing,
) -> Result<Json<Paused>, Problem> {
    set(&state, &principal, None, true).await.map(Json)
}

/// Lift the pause of everything. Targets that were paused by themselves stay paused.
#[utoipa::path(post, path = "/v1/resume", operation_id = "resume", tag = "operation",
    responses((status = 200, description = "What is paused", body = Paused), Usual))]
pub(crate) async fn resume(
    State(state): State<AppState>,
    principal: Principal,
    Nothing: Nothing,
) -> Result<Json<Paused>, Problem> {
    set(&state, &principal, None, false).await.map(Json)
}

/// Pause one target.
#[utoipa::path(post, path = "/v1/targets/{name}/pause", operation_id = "pauseTarget", tag = "operation",
    params(("name" = String, Path, description = "The target's name")),
    responses(
        (status = 200, description = "What is paused", body = Paused),
        NoTarget,
        Usual,
    ))]
pub(crate) async fn pause_target(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<Json<Paused>, Problem> {
    set(&state, &principal, Some(&name), true).await.map(Json)
}

/// Lift the pause of one target; a pause of everything stays.
#[utoipa::path(post, path = "/v1/targets/{name}/resume", operation_id = "resumeTarget", tag = "operation",
    params(("name" = String, Path, description = "The target's name")),
    responses(
        (status = 200, description = "What is paused", body = Paused),
        NoTarget,
        Usual,
    ))]
pub(crate) async fn resume_target(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<Json<Paused>, Problem> {
    set(&state, &principal, Some(&name), false).await.map(Json)
}

/// Pauses one target or everything, or lifts that pause. Returns the pauses then.
pub(crate) async fn set(
    state: &AppState,
    principal: &Principal,
    target: Option<&str>,
    pause: bool,
) -> Result<Paused, Problem> {
    principal.require(Scope::JobsAdmin)?;
    let known = |name| state.config().target(name).is_some() && principal.reaches(name);
    if target.is_some_and(|name| !known(name)) {
        return Err(Problem::new(Kind::NotFound, "no target has this name: see /v1/targets"));
    }
    principal.require_all_of(target)?;
    if pause {
        state.ledger().pause(target, &principal.actor()).await?;
    } else {
        state.ledger().resume(target, &principal.actor()).await?;
        state.doorbell().ring(Ring::Work);
    }
    present(state, principal).await
}

/// Returns the present pauses, as far as the caller reaches them.
pub(crate) async fn present(state: &AppState, principal: &Principal) -> Result<Paused, Problem> {
    let pauses = state.ledger().pauses().await?;
    let targets = pauses.targets.into_iter().filter(|name| principal.reaches(name));
    Ok(Paused {
        all: pauses.all,
        targets: targets.collect(),
    })
}
