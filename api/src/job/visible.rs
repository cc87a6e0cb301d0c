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

/// Returns the cursor after the last job that was `read`. The caller may not see that job: its time takes its place, or the
/// `last` job that the caller has seen.
pub(crate) fn rest(read: JobId, last: Option<JobId>) -> JobId {
    let bound = read.bound_after();
    last.map_or(bound, |last| bound.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_no_job_that_the_caller_has_not_seen() {
        let (older, newer) = (JobId::new(), JobId::new());
        assert_eq!(rest(older, Some(older)), older);
        assert_eq!(rest(older, Some(newer)), newer.min(older.bound_after()));
        let bound = rest(older, None);
        assert!(bound > older && bound != newer);
        let text = bound.to_string();
        assert!(text.ends_with("-7000-8000-000000000000"), "{text}");
        assert_eq!(
            JobId::first_at(1_900_000_000_000).bound_after(),
            JobId::first_at(1_900_000_000_001)
        );
    }
}
