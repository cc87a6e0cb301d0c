//! The limit of unfinished jobs. The ledger counts them at most once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lethe_common::ledger::Ledger;
use tokio::sync::Mutex;

use crate::http::problem::{Kind, Problem};

/// The time for which a count is cached. At most a second's jobs are accepted beyond the limit.
const REMEMBER: Duration = Duration::from_secs(1);

/// The number of unfinished jobs, at most a second old.
pub(crate) struct Backlog {
    most: u64,
    count: AtomicU64,
    counted: Mutex<Option<Instant>>,
}

impl Backlog {
    pub(crate) fn new(most: u64) -> Self {
        Self {
            most,
            count: AtomicU64::new(0),
            counted: Mutex::new(None),
        }
    }

    /// Refuses a new job while too many are unfinished.
    pub(crate) async fn admit(&self, ledger: &Ledger) -> Result<(), Problem> {
        // While another request renews the count, this one uses the old count and does not wait.
        if let Ok(mut counted) = self.counted.try_lock()
            && counted.is_none_or(|at| at.elapsed() >= REMEMBER)
        {
            self.count.store(ledger.backlog().await?, Ordering::Relaxed);
            *counted = Some(Instant::now());
        }
        if self.count.load(Ordering::Relaxed) < self.most {
            return Ok(());
        }
        Err(Problem::new(
            Kind::QueueFull,
            "nothing was accepted: send this again when workers have caught up",
        ))
    }
}
