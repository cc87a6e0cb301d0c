//! `POST /v1/schedules/{name}/pause` and `/resume`.

use axum::Json;
use axum::extract::State;
use lethe_common::ledger::ScheduleRow;

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
    set(&state, &principal, &name, true).await.and_then(shown)
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
    set(&state, &principal, &name, false).await.and_then(shown)
}

/// Pauses a schedule that the caller may change, or lifts its pause.
pub(crate) async fn set(
    state: &AppState,
    principal: &Principal,
    name: &str,
    paused: bool,
) -> Result<ScheduleRow, Problem> {
    seen::controlled(state, principal, name).await?;
    if !state.ledger().pause_schedule(name, paused, &principal.actor()).await? {
        return Err(seen::unknown());
    }
    state.rescheduled().notify_one();
    seen::visible(state, principal, name).await
}

fn shown(row: ScheduleRow) -> Result<Json<Schedule>, Problem> {
    Ok(Json(row.try_into()?))
}
