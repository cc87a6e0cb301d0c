//! `POST /v1/jobs/{id}/cancel`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{CancelOutcome, JobView};

use crate::auth::Principal;
use crate::http::extract::{JobPath, Nothing};
use crate::http::problem::{Kind, Problem};
use crate::job;
use crate::job::answer::Job;
use crate::job::previewed;
use crate::job::visible::visible;
use crate::routes::answers::{HasEnded, NoJob, Usual};
use crate::state::AppState;

/// Cancel a job. Batches that have begun are finished, and erased memories stay erased.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/cancel",
    operation_id = "cancelJob",
    tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id")),
    responses(
        (status = 202, description = "The job is being cancelled, or is cancelled already", body = Job),
        NoJob,
        HasEnded,
        Usual,
    ),
)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    principal: Principal,
    JobPath(id): JobPath,
    Nothing: Nothing,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let job = cancelled(&state, &principal, id).await?;
    let job = previewed::read(&state, &principal, job).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Cancels a job that the caller controls, and returns it as it is then.
pub(crate) async fn cancelled(state: &AppState, principal: &Principal, id: JobId) -> Result<JobView, Problem> {
    principal.require_control(&visible(state, principal, id).await?)?;
    match job::cancel::cancel(state, principal, id).await? {
        CancelOutcome::Accepted | CancelOutcome::Cancelled(_) => visible(state, principal, id).await,
        CancelOutcome::Ended(ended) => Err(Problem::new(
            Kind::JobEnded,
            format!("the job is {}: there is nothing to cancel", ended.as_str()),
        )),
        CancelOutcome::Unknown => Err(Problem::unknown_job()),
    }
}
