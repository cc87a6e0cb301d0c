//! Keeping leases: renewing them in time, starting nothing that may outlast them, and knowing
//! which are held, so that a stop can give them back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::job::JobId;
use lethe_common::ledger::{Fence, Go, Lease, Ledger, LedgerError, Release};

use crate::environment::Environment;

/// The leases that tasks of this worker hold.
#[derive(Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<(JobId, i64), Fence>>,
}

impl Leases {
    pub(crate) fn add(&self, lease: &Lease) {
        self.lock().insert((lease.job.id, lease.ordinal), lease.fence());
    }

    pub(crate) fn remove(&self, lease: &Lease) {
        self.lock().remove(&(lease.job.id, lease.ordinal));
    }

    /// Returns the present fences of leases that were held when a task began.
    pub(crate) fn still_held(&self, leases: &[Lease]) -> Vec<Fence> {
        let held = self.lock();
        leases
            .iter()
            .filter_map(|lease| held.get(&(lease.job.id, lease.ordinal)).copied())
            .collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Gives everything back that is held: nobody counts it as an attempt.
    pub(crate) async fn give_back(&self, ledger: &Ledger) -> Result<usize, LedgerError> {
        let releases: Vec<Release> = self
            .lock()
            .values()
            .map(|fence| Release {
                fence: *fence,
                delay_ms: 0,
                error: None,
                alone: false,
            })
            .collect();
        if !releases.is_empty() {
            ledger.release(&releases).await?;
        }
        Ok(releases.len())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(JobId, i64), Fence>> {
        // Insertions and removals leave nothing half done.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a task has to stop at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseLost;

impl Environment {
    /// Makes sure that a store call may start now: its time limit fits into what is left of every
    /// lease. Renews them when they are due, and drops those that were lost.
    pub(crate) async fn keep(&self, leases: &mut Vec<Lease>) -> Result<(), LeaseLost> {
        let lease = self.config.lease.duration;
        let due = Instant::now() + lease.saturating_sub(self.config.lease.renew_every);
        if leases.iter().all(|lease| lease.until > due) {
            return Ok(());
        }
        let answers = {
            let refs: Vec<&Lease> = leases.iter().collect();
            self.insist(leases, || self.ledger.renew(&refs))
                .await
                .ok_or(LeaseLost)?
        };
        apply(leases, &answers);
        if leases.is_empty() { Err(LeaseLost) } else { Ok(()) }
    }

    /// Repeats a call to the ledger while it is unavailable and the leases last.
    ///
    /// Returns `None` when they have run out, or when the ledger refuses the call.
    pub(crate) async fn insist<T, F>(&self, leases: &[Lease], call: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let until = leases.iter().map(|lease| lease.until).min()?;
        let mut pause = Duration::from_millis(50);
        loop {
            match call().await {
                Ok(answer) => return Some(answer),
                Err(error) => {
                    let transient = error.is_transient();
                    tracing::warn!(
                        ledger.sqlstate = error.sqlstate(),
                        transient,
                        "the ledger did not take a step of a partition"
                    );
                    if !transient || Instant::now() + pause >= until {
                        return None;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

/// Takes over what the ledger said about leases; those that were lost leave the list.
pub(crate) fn apply(leases: &mut Vec<Lease>, answers: &[Go]) {
    let mut answers = answers.iter();
    leases.retain_mut(|lease| match answers.next() {
        Some(Go::Proceed(until) | Go::Cancel(until) | Go::Pause(until)) => {
            lease.until = *until;
            true
        }
        Some(Go::Lost) | None => false,
    });
}
