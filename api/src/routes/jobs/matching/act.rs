//! What an act does with one job.

use lethe_common::job::JobId;
use lethe_common::ledger::{Act, Changeable, JobFilter};
use lethe_common::state::State as JobState;

use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::job::rate::Rate;
use crate::routes::jobs::{cancel, change, retry};
use crate::state::AppState;

/// An act on jobs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum JobAct {
    Cancel,
    Retry,
    /// Changes the pace. `None`: no limit.
    Pace(Option<Rate>),
}

impl JobAct {
    /// Does it to one job, as the route for one job does.
    pub(super) async fn on(self, state: &AppState, principal: &Principal, id: JobId) -> Result<(), Problem> {
        match self {
            Self::Cancel => cancel::cancelled(state, principal, id).await.map(drop),
            Self::Retry => retry::retried(state, principal, id).await.map(drop),
            Self::Pace(pace) => {
                change::controlled(state, principal, id).await?;
                change::paced(state, principal, id, pace).await.map(drop)
            }
        }
    }

    /// Returns its word in the audit trail.
    pub(super) fn noted(self) -> Act {
        match self {
            Self::Cancel => Act::JobCancel,
            Self::Retry => Act::JobRetry,
            Self::Pace(_) => Act::JobThrottle,
        }
    }

    pub(super) fn changeable(self) -> Changeable {
        match self {
            Self::Cancel | Self::Pace(_) => Changeable::Unfinished,
            Self::Retry => Changeable::Repeatable,
        }
    }

    /// Completes the filter with the state that this act needs, and refuses a state whose jobs it cannot change.
    pub(super) fn among(self, filter: &mut JobFilter) -> Result<(), Problem> {
        let advice = match self.changeable() {
            Changeable::Unfinished => {
                let goes_on = |state: JobState| !state.is_ended() && state != JobState::Cancelling;
                let is_wrong = filter.state.is_some_and(|state| !goes_on(state));
                is_wrong.then_some("write a state of jobs that go on, such as `queued`")
            }
            Changeable::Repeatable => {
                // Somebody stopped a cancelled job: only its own state starts it again.
                let state = *filter.state.get_or_insert(JobState::Failed);
                let is_wrong = !matches!(state, JobState::Failed | JobState::Cancelled);
                is_wrong.then_some("write `failed` or `cancelled`: other jobs cannot be retried")
            }
        };
        advice.map_or(Ok(()), |advice| Err(Problem::invalid("state", advice)))
    }
}
