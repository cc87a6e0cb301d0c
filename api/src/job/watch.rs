//! Waiting for a job to change, or to end: woken by the doorbell, and once a second in case a ring was lost.

use std::time::Duration;

use lethe_common::doorbell::Listener;
use lethe_common::job::JobId;
use lethe_common::ledger::JobView;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::http::prefer::Prefer;
use crate::state::AppState;

/// What a lost ring costs at most.
const POLL: Duration = Duration::from_secs(1);

/// The least time between two looks of those who watch: a large job changes many times a second.
const REST: Duration = Duration::from_millis(50);

/// Waits for a job to change.
pub(crate) struct Watch {
    id: JobId,
    rings: Listener,
    rested: Instant,
}

impl Watch {
    /// Begins to listen. What changes after this is heard, so look at the job only then.
    pub(crate) fn new(state: &AppState, id: JobId) -> Self {
        Self {
            id,
            rings: state.doorbell().subscribe(),
            rested: Instant::now(),
        }
    }

    /// Waits until the job may have changed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses at most a ring, which costs a second.
    pub(crate) async fn changed(&mut self) {
        let heard = async { while !self.rings.recv().await.concerns(self.id) {} };
        // Nobody rang: look all the same.
        if timeout(POLL, heard).await.is_ok() {
            sleep_until(self.rested).await;
        }
        self.rested = Instant::now() + REST;
    }

    /// Waits until the job may have ended. The caller may look at once: of progress it hears nothing.
    ///
    /// # Cancel safety
    ///
    /// As [`changed`](Self::changed).
    async fn may_have_ended(&mut self) {
        let heard = async { while !self.rings.recv().await.may_end(self.id) {} };
        timeout(POLL, heard).await.ok();
    }
}

/// Waits for an accepted job's end as long as the caller prefers; returns it as it is then, and what
/// was heeded.
pub(crate) async fn as_preferred(
    state: &AppState,
    caller: &str,
    mut job: JobView,
    mut prefer: Prefer,
) -> (JobView, Prefer) {
    if let Some(wait) = prefer.wait {
        match state.places().of(caller).stream() {
            Ok(_permit) => job = ended_within(state, job, wait).await,
            // Accepted is accepted: whoever cannot wait here is answered at once.
            Err(_) => prefer.wait = None,
        }
    }
    (job, prefer)
}

/// Waits for the job's end; returns it as it is then.
// An error of the ledger must not turn an accepted job into a failed request.
async fn ended_within(state: &AppState, job: JobView, wait: Duration) -> JobView {
    let until = Instant::now() + wait;
    let mut watch = Watch::new(state, job.id);
    // It may have ended before anybody listened; from here on one look is enough, at its end.
    while !matches!(state.ledger().has_ended(job.id).await, Ok(true)) {
        let ended = state.stopping().run_until_cancelled(watch.may_have_ended());
        if !matches!(timeout_at(until, ended).await, Ok(Some(()))) {
            break;
        }
    }
    match state.ledger().job(job.id).await {
        Ok(Some(seen)) => seen,
        Ok(None) | Err(_) => job,
    }
}
