//! The limits of unfinished jobs: in all, and of each caller.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lethe_common::config::Api;
use lethe_common::ledger::{Ledger, Unfinished};
use lethe_common::metrics::{self, RefusedFor};
use tokio::sync::Mutex;

use super::callers::{Added, Callers};
use crate::http::problem::{Kind, Problem};

/// The time for which a count is cached. At most a second's jobs are accepted beyond the limit.
const REMEMBER: Duration = Duration::from_secs(1);

/// The number of unfinished jobs, at most a second old, and those of each caller.
pub(crate) struct Backlog {
    most: u64,
    count: AtomicU64,
    counted: Mutex<Option<Instant>>,
    callers: Callers,
}

impl Backlog {
    pub(crate) fn new(limits: &Api) -> Self {
        Self {
            most: limits.max_queue,
            count: AtomicU64::new(0),
            counted: Mutex::new(None),
            callers: Callers::new(limits),
        }
    }

    /// Refuses a new job with this number of ids while too many jobs are unfinished, in all or of its caller. Otherwise
    /// the job counts among those of the caller.
    pub(crate) async fn admit(&self, ledger: &Ledger, caller: &str, ids: u64) -> Result<Added, Problem> {
        // While another request renews the count, this one uses the old count and does not wait.
        if let Ok(mut counted) = self.counted.try_lock()
            && counted.is_none_or(|at| at.elapsed() >= REMEMBER)
        {
            self.count.store(ledger.backlog().await?, Ordering::Relaxed);
            *counted = Some(Instant::now());
        }
        if self.count.load(Ordering::Relaxed) >= self.most {
            return Err(Problem::new(
                Kind::QueueFull,
                "nothing was accepted: send this again when workers have caught up",
            ));
        }
        self.callers.admit(ledger, caller, Unfinished { jobs: 1, ids }).await
    }

    /// Refuses more ids of an upload if the unfinished jobs of its caller would have too many.
    pub(crate) async fn admit_ids(&self, ledger: &Ledger, caller: &str, ids: u64) -> Result<(), Problem> {
        let more = Unfinished { jobs: 0, ids };
        self.callers.admit(ledger, caller, more).await.map(drop)
    }
}

/// Counts a request that its caller's limits refused.
// Not where jobs are refused: the jobs of schedules have no request.
pub(crate) fn request_refused(problem: &Problem) {
    match problem.kind {
        Kind::TooManyJobs => metrics::request_refused(RefusedFor::CallerJobs),
        Kind::TooManyIds => metrics::request_refused(RefusedFor::CallerIds),
        _ => {}
    }
}
