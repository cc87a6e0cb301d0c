//! The jobs that a caller may see.

use lethe_common::job::JobId;
use lethe_common::ledger::JobView;

use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::state::AppState;

/// Returns a job that the caller may see.
pub(crate) async fn visible(state: &AppState, principal: &Principal, id: JobId) -> Result<JobView, Problem> {
    let job = state.ledger().job(id).await?;
    // Another caller's job is answered as one that does not exist, so ids reveal nothing.
    within(state, principal, job.into_iter().collect())
        .await?
        .pop()
        .ok_or_else(Problem::unknown_job)
}

/// Returns the jobs that the caller may see within its bounds. A new key under an old name may be bound to another
/// person.
pub(crate) async fn within(
    state: &AppState,
    principal: &Principal,
    mut jobs: Vec<JobView>,
) -> Result<Vec<JobView>, Problem> {
    jobs.retain(|job| principal.sees(job));
    if jobs.is_empty() || !principal.is_bound_inside() {
        return Ok(jobs);
    }
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let aims = state.ledger().aims(&ids).await?;
    // The ledger forgot whose memories these jobs were about. They hold no data of a person any more.
    jobs.retain(|job| aims.get(&job.id).is_none_or(|aim| principal.is_within(aim)));
    Ok(jobs)
}
