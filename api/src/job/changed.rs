//! Notifications that a job has changed.

use lethe_common::doorbell::Ring;
use lethe_common::job::JobId;

use crate::state::AppState;

/// Rings (sends a notification) for callers that watch the job, and for workers.
pub(crate) fn ring(state: &AppState, job: JobId) {
    state.doorbell().ring(Ring::Changed(job));
    state.doorbell().ring(Ring::Work);
}
