//! Keeping leases: renewing them in time, and knowing which are held, so that a stop can give them back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::job::JobId;
use lethe_common::ledger::{Fence, Go, Lease, Ledger, LedgerError, Release};

use crate::backoff;
use crate::environment::Environment;
use crate::stop::Stop;

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
    /// How it is now, as far as is known.
    lease: Lease,
}

impl Leases {
    /// Takes note of a lease that was just claimed.
    pub(crate) fn add(&self, lease: &Lease) {
        let held = Held {
            claimed: lease.token,
            lease: lease.clone(),
        };
        self.lock().insert((lease.job.id, lease.ordinal), held);
    }

    /// Takes note that a record moved the fence of a lease on by one.
    pub(crate) fn moved_on(&self, lease: &Lease) {
        if let Some(held) = self.lock().get_mut(&(lease.job.id, lease.ordinal))
            && held.lease.token + 1 == lease.token
        {
            held.lease = lease.clone();
        }
    }

    /// Takes note that a lease lasts longer.
    pub(crate) fn renewed(&self, fence: Fence, until: Instant) {
        if let Some(held) = self.lock().get_mut(&(fence.job, fence.ordinal))
            && held.lease.fence() == fence
        {
            held.lease.until = until;
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

    /// Returns how those leases are now that are still held of those that a task began with.
    pub(crate) fn still_held(&self, leases: &[Lease]) -> Vec<Lease> {
        self.of_those_held(leases, Lease::clone)
    }

    /// Returns the fences of those leases that are still held, and when each ends.
    pub(crate) fn fences(&self, leases: &[Lease]) -> Vec<(Fence, Instant)> {
        self.of_those_held(leases, |lease| (lease.fence(), lease.until))
    }

    fn of_those_held<T>(&self, leases: &[Lease], what: impl Fn(&Lease) -> T) -> Vec<T> {
        let held = self.lock();
        let held = leases.iter().filter_map(|lease| {
            let held = held.get(&(lease.job.id, lease.ordinal));
            held.filter(|held| held.is(lease))
        });
        held.map(|held| what(&held.lease)).collect()
    }

    /// Returns whether everything was given back: nothing more begins.
    pub(crate) fn are_given_back(&self) -> bool {
        self.given_back.load(Ordering::SeqCst)
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
                fence: held.lease.fence(),
                delay_ms: 0,
                error: None,
                charged: false,
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
        self.claimed == lease.token || self.lease.token == lease.token
    }
}

/// The pauses between calls to a ledger that is out of reach: short beside a lease, and no load on one that comes back.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Why the ledger did not take a step of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untaken {
    /// A lease was lost, or ran out while the ledger could not be reached.
    Lost,
    /// The ledger refuses the step, and would refuse it again.
    Refused,
    /// The ledger rejects the step until an operator changes something.
    Rejected,
}

impl Environment {
    /// Renews leases when they are due, and drops those that were lost.
    pub(crate) async fn keep(&self, leases: &mut Vec<Lease>) -> Result<(), Stop> {
        if self.leases.are_given_back() {
            return Err(Stop::Lost);
        }
        let lease = self.config.lease.duration;
        let due = Instant::now() + lease.saturating_sub(self.config.lease.renew_every);
        if leases.iter().all(|lease| lease.until > due) {
            return Ok(());
        }
        let fences: Vec<Fence> = leases.iter().map(Lease::fence).collect();
        let answers = self.insist(leases, || self.ledger.renew(&fences)).await?;
        self.apply(leases, &answers);
        if leases.is_empty() { Err(Stop::Lost) } else { Ok(()) }
    }

    /// Takes over what the ledger said about leases; those that were lost leave the list.
    fn apply(&self, leases: &mut Vec<Lease>, answers: &[Go]) {
        let mut answers = answers.iter();
        leases.retain_mut(|lease| match answers.next() {
            Some(Go::Proceed(until) | Go::Cancel(until) | Go::Pause(until)) => {
                lease.until = *until;
                self.leases.renewed(lease.fence(), *until);
                true
            }
            Some(Go::Lost | Go::Refused) | None => {
                self.leases.remove(lease);
                false
            }
        });
    }

    /// Repeats a call to the ledger while it is unavailable and the leases last.
    pub(crate) async fn insist<T, F>(&self, leases: &[Lease], call: impl Fn() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let until = leases.iter().map(|lease| lease.until).min().ok_or(Stop::Lost)?;
        self.insist_until(until, call).await.map_err(|untaken| match untaken {
            Untaken::Lost => Stop::Lost,
            Untaken::Refused => Stop::Refused(leases.to_vec()),
            Untaken::Rejected => Stop::Rejected,
        })
    }

    /// Repeats a call to the ledger while it is unavailable, until a time.
    pub(crate) async fn insist_until<T, F>(&self, until: Instant, call: impl Fn() -> F) -> Result<T, Untaken>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let mut pause = FIRST;
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let transient = error.is_transient();
                    tracing::warn!(
                        ledger.sqlstate = error.sqlstate(),
                        transient,
                        "the ledger did not take a step of a partition"
                    );
                    if error.is_refusal() {
                        return Err(Untaken::Refused);
                    }
                    if !transient {
                        return Err(Untaken::Rejected);
                    }
                    if Instant::now() + pause >= until {
                        return Err(Untaken::Lost);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = backoff::longer(pause, LONGEST);
        }
    }
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
        held.iter().map(|lease| lease.token).collect()
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
