//! Waiting for a job to change or to end, by rings (notifications) of the doorbell and by a poll once a second.

use std::time::Duration;

use lethe_common::doorbell::Listener;
use lethe_common::job::{JobId, SelectorKind};
use lethe_common::ledger::JobView;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::http::prefer::Prefer;
use crate::state::AppState;

/// The longest delay that a lost ring causes.
const POLL: Duration = Duration::from_secs(1);

/// The least time between two reads of a watched job: a large job changes many times a second.
const REST: Duration = Duration::from_millis(50);

/// The time limit of a read.
const LONGEST: Duration = Duration::from_secs(3);

/// Jobs with at most so many memories are read together for all callers that wait.
const SHARED_LOOK_MEMORIES: u64 = 100;

/// Waits for a job to change.
pub(crate) struct Watch {
    id: JobId,
    rings: Listener,
    rested: Instant,
}

impl Watch {
    /// Begins to listen. Later changes are heard, so read the job only after this call.
    pub(crate) fn new(state: &AppState, id: JobId) -> Self {
        Self::hearing(state.doorbell().subscribe(), id)
    }

    /// Returns a watch with a listener that is older than the last read of the job.
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
    /// Dropping the future loses at most a ring, which costs a delay of a second.
    pub(crate) async fn changed(&mut self) {
        let heard = async { while !self.rings.recv().await.concerns(self.id) {} };
        // Without a ring the caller reads the job after a second.
        if timeout(POLL, heard).await.is_ok() {
            sleep_until(self.rested).await;
        }
        self.rested = Instant::now() + REST;
    }

    /// Waits until the job may have ended. It hears nothing of progress, so the caller may read the job at once.
    ///
    /// # Cancel safety
    ///
    /// As [`changed`](Self::changed).
    async fn may_have_ended(&mut self) {
        let heard = async { while !self.rings.recv().await.may_end(self.id) {} };
        timeout(POLL, heard).await.ok();
    }
}

/// Waits for a job's end, or until only holds keep it from ending, for as long as the caller prefers. Returns the job as
/// it is then, and the applied preferences.
///
/// `rings` must have listened before the job was accepted, or before `job` was read.
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
            // The job stays accepted. A caller without a slot to wait is answered at once.
            Err(_) => prefer.wait = None,
        }
    }
    (job, prefer)
}

/// Waits for the job's end, for at most `wait`. Returns the job as it is then. A held job has no end to wait for.
async fn ended_within(state: &AppState, mut job: JobView, rings: Listener, wait: Duration) -> JobView {
    let until = Instant::now() + wait;
    let mut watch = Watch::hearing(rings, job.id);
    while !job.state.rests() {
        let rung = state.stopping().run_until_cancelled(watch.may_have_ended());
        let in_time = Instant::now() < until && matches!(timeout_at(until, rung).await, Ok(Some(())));
        // A ledger error must not make the request of an accepted job fail, nor delay its answer.
        if let Ok(Some(seen)) = timeout(LONGEST, look(state, &job, in_time)).await {
            job = seen;
        }
        if !in_time {
            break;
        }
    }
    job
}

/// Returns the job as it is now. With `only_its_end` it returns `None` for a large job that has not ended.
async fn look(state: &AppState, job: &JobView, only_its_end: bool) -> Option<JobView> {
    let (ledger, id) = (state.ledger(), job.id);
    let seen = if job.kind == SelectorKind::Ids.as_str() && job.selected <= SHARED_LOOK_MEMORIES {
        ledger.small_job(id).await
    } else if only_its_end && !ledger.rests(id).await.ok()? {
        return None;
    } else {
        ledger.job(id).await
    };
    seen.ok().flatten()
}
