//! `POST /v1/jobs/{id}/retry`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{JobView, RetryOutcome};

use crate::auth::Principal;
use crate::http::extract::{JobPath, Nothing};
use crate::http::problem::{Kind, Problem};
use crate::job::answer::Job;
use crate::job::changed;
use crate::job::previewed;
use crate::job::visible::visible;
use crate::routes::answers::{IdsForgotten, NoJob, Usual, problems};
use crate::state::AppState;

problems! {
    /// The problem of a job that cannot be retried.
    NotRetried {
        409 "The job has neither failed nor been cancelled"
    }
}

/// Retry a failed or cancelled job. The new attempt begins with the memories that are left.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    operation_id = "retryJob",
    tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id")),
    responses(
        (status = 202, description = "It is queued again", body = Job),
        NoJob,
        NotRetried,
        IdsForgotten,
        Usual,
    ),
)]
pub(crate) async fn retry(
    State(state): State<AppState>,
    principal: Principal,
    JobPath(id): JobPath,
    Nothing: Nothing,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let job = retried(&state, &principal, id).await?;
    let job = previewed::read(&state, &principal, job).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Begins another attempt of a job that the caller could submit now, and returns the job as it is then.
pub(crate) async fn retried(state: &AppState, principal: &Principal, id: JobId) -> Result<JobView, Problem> {
    principal.require_control(&visible(state, principal, id).await?)?;
    // Without an aim the ledger has forgotten the job, and refuses the retry below.
    if let Some(aim) = state.ledger().aims(&[id]).await?.remove(&id) {
        principal.require_again(&aim)?;
    }
    match state.ledger().retry(id, &principal.actor()).await? {
        RetryOutcome::Accepted => {
            changed::ring(state, id);
            visible(state, principal, id).await
        }
        RetryOutcome::NotEnded(now) => Err(Problem::new(
            Kind::JobNotEnded,
            format!(
                "the job is {}: only failed and cancelled jobs can be retried",
                now.as_str()
            ),
        )),
        RetryOutcome::Expects => Err(Problem::new(
            Kind::JobNotEnded,
            "a job with `expect` cannot be retried: send another dry run, then a new job",
        )),
        RetryOutcome::Forgotten => Err(Problem::new(
            Kind::Forgotten,
            "the retention of this job's ids has passed: send it as a new job",
        )),
        RetryOutcome::Unknown => Err(Problem::unknown_job()),
    }
}
