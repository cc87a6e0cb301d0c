//! Cancelling a job.

use lethe_common::job::JobId;
use lethe_common::job_end;
use lethe_common::ledger::CancelOutcome;

use super::changed;
use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::state::AppState;

/// Cancels a job, and notifies its watchers and the workers if that changed it.
pub(crate) async fn cancel(state: &AppState, principal: &Principal, id: JobId) -> Result<CancelOutcome, Problem> {
    let outcome = state.ledger().cancel(id, &principal.actor()).await?;
    if let CancelOutcome::Cancelled(end) = &outcome {
        job_end::report(end, None);
    }
    if matches!(outcome, CancelOutcome::Accepted | CancelOutcome::Cancelled(_)) {
        changed::ring(state, id);
    }
    Ok(outcome)
}
