//! Keeping leases: renewing them in time, starting nothing that may outlast them, and knowing
//! which are held, so that a stop can give them back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::job::JobId;
use lethe_common::ledger::{Fence, Go, Lease, Ledger, LedgerError, Release};

use crate::environment::Environment;

/// The leases that tasks of this worker hold.
#[derive(Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<(JobId, i64), Held>>,
    given_back: AtomicBool,
}

/// A lease that a task holds.
struct Held {
    /// Its token when it was claimed, by which its task is told from another one of this worker
    /// that claimed the same partition after the first had lost it.
    claimed: i64,
    /// Its fence at present.
    fence: Fence,
}

impl Leases {
    /// Takes note of a lease that was just claimed.
    pub(crate) fn add(&self, lease: &Lease) {
        let (claimed, fence) = (lease.token, lease.fence());
        self.lock()
            .insert((lease.job.id, lease.ordinal), Held { claimed, fence });
    }

    /// Takes note that a record moved the fence of a lease on by one.
    pub(crate) fn moved_on(&self, lease: &Lease) {
        if let Some(held) = self.lock().get_mut(&(lease.job.id, lease.ordinal))
            && held.fence.token + 1 == lease.token
        {
            held.fence = lease.fence();
        }
    }

    /// Forgets a lease, given as it was claimed or as it is now; another task's stays.
    pub(crate) fn remove(&self, lease: &Lease) {
        let mut held = self.lock();
        let key = (lease.job.id, lease.ordinal);
        if held.get(&key).is_some_and(|held| held.is(lease)) {
            held.remove(&key);
        }
    }

    /// Returns the present fences of leases that were held when a task began.
    pub(crate) fn still_held(&self, leases: &[Lease]) -> Vec<Fence> {
        let held = self.lock();
        leases
            .iter()
            .filter_map(|lease| held.get(&(lease.job.id, lease.ordinal)).filter(|held| held.is(lease)))
            .map(|held| held.fence)
            .collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Gives everything back that is held: nobody counts it as an attempt. No task starts another
    /// call to a store after this.
    pub(crate) async fn give_back(&self, ledger: &Ledger) -> Result<usize, LedgerError> {
        self.given_back.store(true, Ordering::SeqCst);
        let releases: Vec<Release> = self
            .lock()
            .values()
            .map(|held| Release {
                fence: held.fence,
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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(JobId, i64), Held>> {
        // Insertions and removals leave nothing half done.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    // Whoever claims it next gets a token beyond any that this lease had.
    fn is(&self, lease: &Lease) -> bool {
        self.claimed == lease.token || self.fence.token == lease.token
    }
}

/// Why a task has to stop at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseLost;

impl Environment {
    /// Makes sure that a store call may start now: its time limit fits into what is left of every
    /// lease. Renews them when they are due, and drops those that were lost.
    pub(crate) async fn keep(&self, leases: &mut Vec<Lease>) -> Result<(), LeaseLost> {
        if self.leases.given_back.load(Ordering::SeqCst) {
            return Err(LeaseLost);
        }
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

#[cfg(test)]
pub(crate) mod tests {
    use lethe_common::ledger::Work;

    use super::*;
    use crate::fixture;

    pub(crate) fn lease(token: i64) -> Lease {
        let lease = fixture::lease(Work::Subject);
        Lease { token, ..lease }
    }

    fn tokens(leases: &Leases, claimed: i64) -> Vec<i64> {
        let held = leases.still_held(&[lease(claimed)]);
        held.iter().map(|fence| fence.token).collect()
    }

    #[test]
    fn a_task_puts_back_its_lease_as_far_as_it_has_come() {
        let leases = Leases::default();
        leases.add(&lease(1));
        leases.moved_on(&lease(2));
        leases.moved_on(&lease(3));
        assert_eq!(tokens(&leases, 1), [3]);
        leases.remove(&lease(3));
        assert_eq!((tokens(&leases, 1).len(), leases.count()), (0, 0));
    }

    #[test]
    fn a_task_that_lost_its_lease_leaves_that_of_the_task_that_has_it_now() {
        let leases = Leases::default();
        leases.add(&lease(1));
        leases.moved_on(&lease(2));
        // It ran out, and this very worker claimed the partition again.
        leases.add(&lease(3));
        assert_eq!(tokens(&leases, 1), [0_i64; 0], "not the first task's to put back");
        leases.remove(&lease(1));
        leases.remove(&lease(2));
        leases.moved_on(&lease(2));
        assert_eq!(tokens(&leases, 3), [3]);
    }
}
