//! `POST /v1/schedules/{name}/pause` and `/resume`.

use axum::Json;
use axum::extract::State;

use super::answer::Schedule;
use super::seen;
use crate::auth::Principal;
use crate::http::extract::{NamePath, Nothing};
use crate::http::problem::Problem;
use crate::routes::answers::{NoSchedule, Usual};
use crate::state::AppState;

/// Pause a schedule: it makes no jobs. A job that it has made goes on.
#[utoipa::path(post, path = "/v1/schedules/{name}/pause", operation_id = "pauseSchedule", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses(
        (status = 200, description = "The schedule", body = Schedule),
        NoSchedule,
        Usual,
    ))]
pub(crate) async fn pause(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<Json<Schedule>, Problem> {
    set(&state, &principal, &name, true).await
}

/// Lift the pause of a schedule. Missed runs are caught up by a single run.
#[utoipa::path(post, path = "/v1/schedules/{name}/resume", operation_id = "resumeSchedule", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses(
        (status = 200, description = "The schedule", body = Schedule),
        NoSchedule,
        Usual,
    ))]
pub(crate) async fn resume(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    Nothing: Nothing,
) -> Result<Json<Schedule>, Problem> {
    set(&state, &principal, &name, false).await
}

async fn set(state: &AppState, principal: &Principal, name: &str, paused: bool) -> Result<Json<Schedule>, Problem> {
    seen::controlled(state, principal, name).await?;
    if !state.ledger().pause_schedule(name, paused, &principal.actor()).await? {
        return Err(seen::unknown());
    }
    let row = seen::visible(state, principal, name).await?;
    Ok(Json(row.try_into()?))
}
