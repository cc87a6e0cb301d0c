//! `GET /v1/schedules/{name}`.

use axum::Json;
use axum::extract::State;
use lethe_common::ledger::{Act, Object};

use super::answer::Schedule;
use super::seen;
use crate::auth::Principal;
use crate::http::extract::NamePath;
use crate::http::problem::Problem;
use crate::routes::answers::{NoSchedule, Usual};
use crate::state::AppState;

/// Read a schedule.
#[utoipa::path(get, path = "/v1/schedules/{name}", operation_id = "getSchedule", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses(
        (status = 200, description = "The schedule", body = Schedule),
        NoSchedule,
        Usual,
    ))]
pub(crate) async fn get(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
) -> Result<Json<Schedule>, Problem> {
    let row = seen::visible(&state, &principal, &name).await?;
    state
        .readings()
        .note(&principal, Act::ScheduleRead, Object::Schedule(&name))
        .await?;
    Ok(Json(row.try_into()?))
}
