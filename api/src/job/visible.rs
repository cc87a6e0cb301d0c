//! Which jobs a caller sees.

use lethe_common::job::JobId;
use lethe_common::ledger::JobView;

use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::state::AppState;

/// Returns a job that the caller may see.
pub(crate) async fn visible(state: &AppState, principal: &Principal, id: JobId) -> Result<JobView, Problem> {
    let job = state.ledger().job(id).await?;
    // Somebody else's job is answered as one that does not exist: its id says nothing.
    let job = job.filter(|job| principal.sees(job)).ok_or_else(Problem::unknown_job)?;
    if principal.is_bound_inside() && job.forgotten_at.is_none() {
        let aim = state.ledger().aim(id).await?;
        if !aim.is_none_or(|aim| principal.is_within(&aim)) {
            return Err(Problem::unknown_job());
        }
    }
    Ok(job)
}
