//! Waiting for a job to change, or to end: woken by the doorbell, and once a second in case a ring was lost.

use std::time::Duration;

use lethe_common::doorbell::Listener;
use lethe_common::job::{JobId, SelectorKind};
use lethe_common::ledger::JobView;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::http::prefer::Prefer;
use crate::state::AppState;

/// What a lost ring costs at most.
const POLL: Duration = Duration::from_secs(1);

/// The least time between two looks of those who watch: a large job changes many times a second.
const REST: Duration = Duration::from_millis(50);

/// How long a look may take.
const LONGEST: Duration = Duration::from_secs(3);

/// Jobs about no more memories than this are looked at together.
const SHARED_LOOK_MEMORIES: u64 = 100;

/// Waits for a job to change.
pub(crate) struct Watch {
    id: JobId,
    rings: Listener,
    rested: Instant,
}

impl Watch {
    /// Begins to listen. What changes after this is heard, so look at the job only then.
    pub(crate) fn new(state: &AppState, id: JobId) -> Self {
        Self::hearing(state.doorbell().subscribe(), id)
    }

    /// Waits by a listener that has listened before the job was looked at.
    fn hearing(rings: Listener, id: JobId) -> Self {
        Self {
            id,
            rings,
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

/// Waits for a job's end as long as the caller prefers; returns it as it is then, and what was heeded.
///
/// `rings` has listened since before the job was accepted, or `job` was read.
pub(crate) async fn as_preferred(
    state: &AppState,
    caller: &str,
    mut job: JobView,
    rings: Listener,
    mut prefer: Prefer,
) -> (JobView, Prefer) {
    if let Some(wait) = prefer.wait {
        match state.places().of(caller).stream() {
            Ok(_permit) => job = ended_within(state, job, rings, wait).await,
            // Accepted is accepted: whoever cannot wait here is answered at once.
            Err(_) => prefer.wait = None,
        }
    }
    (job, prefer)
}

/// Waits for the job's end; returns it as it is then.
async fn ended_within(state: &AppState, mut job: JobView, rings: Listener, wait: Duration) -> JobView {
    let until = Instant::now() + wait;
    let mut watch = Watch::hearing(rings, job.id);
    while !job.state.is_ended() {
        let rung = state.stopping().run_until_cancelled(watch.may_have_ended());
        let in_time = Instant::now() < until && matches!(timeout_at(until, rung).await, Ok(Some(())));
        // An error of the ledger must not turn an accepted job into a failed request, nor keep its caller.
        if let Ok(Some(seen)) = timeout(LONGEST, look(state, &job, in_time)).await {
            job = seen;
        }
        if !in_time {
            break;
        }
    }
    job
}

/// Returns a job as it is now. If only its end matters, nothing of a large job that has not ended.
async fn look(state: &AppState, job: &JobView, only_its_end: bool) -> Option<JobView> {
    let (ledger, id) = (state.ledger(), job.id);
    let seen = if job.kind == SelectorKind::Ids.as_str() && job.selected <= SHARED_LOOK_MEMORIES {
        ledger.small_job(id).await
    } else if only_its_end && !ledger.has_ended(id).await.ok()? {
        return None;
    } else {
        ledger.job(id).await
    };
    seen.ok().flatten()
}
