//! `POST /v1/schedules/{name}/preview`.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lethe_common::ledger::{JobView, ScheduleRecord};

use super::seen;
use crate::auth::Principal;
use crate::deletion::new_job;
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
    let accepted = Box::pin(accepted(&state, &principal, &name));
    let (job, prefer) = watched(&state, &principal, prefer, accepted).await?;
    let ended = job.state.is_ended() && prefer.wait.is_some();
    let status = if ended { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(answer::with_job(status, job, prefer))
}

/// Returns the job that is being accepted, as it is when the preferred wait is over.
async fn watched(
    state: &AppState,
    principal: &Principal,
    prefer: Prefer,
    accepted: impl Future<Output = Result<JobView, Problem>>,
) -> Result<(JobView, Prefer), Problem> {
    let rings = state.doorbell().subscribe();
    let job = within(state.config().api.request_timeout, accepted).await?;
    Ok(watch::as_preferred(state, &principal.name, job, rings, prefer).await)
}

/// Accepts the job of a stored schedule as a dry run.
pub(crate) async fn accepted(state: &AppState, principal: &Principal, name: &str) -> Result<JobView, Problem> {
    let row = seen::visible(state, principal, name).await?;
    let mut asked = schedules::request(&row.schedule)?;
    asked.dry_run = true;
    let now = state.clock().now();
    let job = schedules::job(state, &row, principal, asked, now)?;
    Ok(submit(state, &principal.name, job, None, Columns::Unasked).await?.job)
}

/// Accepts the job of a schedule that is not stored as a dry run, and waits for its end for at most `wait`.
// It does not name the schedule: the name may be that of another one.
pub(crate) async fn unstored(
    state: &AppState,
    principal: &Principal,
    schedule: &ScheduleRecord,
    wait: Duration,
) -> Result<JobView, Problem> {
    let mut asked = schedules::request(schedule)?;
    asked.dry_run = true;
    let (job, _) = new_job::job(state.config(), principal, asked, None, state.clock().now())?;
    let prefer = Prefer {
        wait: Some(wait.min(state.config().api.max_wait)),
        respond_async: false,
    };
    let accepted = Box::pin(async {
        let submitted = submit(state, &principal.name, job, None, Columns::Unasked).await;
        submitted.map(|submitted| submitted.job)
    });
    let (job, _) = watched(state, principal, prefer, accepted).await?;
    Ok(job)
}
