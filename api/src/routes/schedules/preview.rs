//! `POST /v1/schedules/{name}/preview`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lethe_common::ledger::JobView;

use super::seen;
use crate::auth::Principal;
use crate::deletion::submit::{Columns, submit};
use crate::http::extract::{NamePath, Nothing};
use crate::http::limits::time::within;
use crate::http::prefer::Prefer;
use crate::http::problem::Problem;
use crate::job::answer;
use crate::job::watch;
use crate::routes::answers::{AcceptedJob, NoSchedule, Usual};
use crate::schedules;
use crate::state::AppState;

/// Accept a schedule's job as a dry run, now. It counts in the caller's name, and touches nothing.
///
/// It needs no open window, and is no run of the schedule.
#[utoipa::path(post, path = "/v1/schedules/{name}/preview", operation_id = "previewSchedule", tag = "schedules",
    params(
        ("name" = String, Path, description = "The schedule's name"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: answer when the job has ended, or after 5 seconds; `respond-async`"),
    ),
    responses(
        AcceptedJob,
        NoSchedule,
        Usual,
    ))]
pub(crate) async fn preview(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    headers: HeaderMap,
    Nothing: Nothing,
) -> Result<Response, Problem> {
    let prefer = Prefer::read(&headers, state.config().api.max_wait);
    let rings = state.doorbell().subscribe();
    let limit = state.config().api.request_timeout;
    let job = within(limit, accept(&state, &principal, &name)).await?;
    let (job, prefer) = watch::as_preferred(&state, &principal.name, job, rings, prefer).await;
    let ended = job.state.is_ended() && prefer.wait.is_some();
    let status = if ended { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(answer::with_job(status, job, prefer))
}

async fn accept(state: &AppState, principal: &Principal, name: &str) -> Result<JobView, Problem> {
    let row = seen::visible(state, principal, name).await?;
    let mut asked = schedules::request(&row)?;
    asked.dry_run = true;
    let now = state.clock().now();
    let job = schedules::job(state, &row, principal, asked, now)?;
    Ok(submit(state, &principal.name, job, None, Columns::Unasked).await?.job)
}
