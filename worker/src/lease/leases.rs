//! The leases that the tasks of this worker hold, in their present state. A shutdown releases all of them. A task that
//! stops releases its leases that it did not record.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use lethe_common::job::JobId;
use lethe_common::ledger::{Fence, JobEnd, Lease, Ledger, LedgerError, Release};

use super::back::Back;
use super::guard::LeaseGuard;

/// The leases that tasks of this worker hold.
#[derive(Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<(JobId, i64), Held>>,
    given_back: AtomicBool,
}

/// A lease that a task holds.
struct Held {
    /// Its token when it was claimed. It tells the task from a later task of this worker that claimed the same
    /// partition after the first one had lost it.
    claimed: i64,
    /// Its last known state.
    lease: Lease,
}

impl Leases {
    /// Adds a lease that was just claimed.
    pub(crate) fn add(&self, lease: Lease) -> LeaseGuard {
        let held = Held {
            claimed: lease.token,
            lease: lease.clone(),
        };
        self.lock().insert((lease.job.id, lease.ordinal), held);
        LeaseGuard::new(lease)
    }

    /// Notes that a record incremented the fence of a lease by one.
    pub(super) fn moved_on(&self, lease: &Lease) {
        if let Some(held) = self.lock().get_mut(&(lease.job.id, lease.ordinal))
            && held.lease.token + 1 == lease.token
        {
            held.lease = lease.clone();
        }
    }

    /// Notes the new end of a renewed lease.
    pub(super) fn renewed(&self, fence: Fence, until: Instant) {
        if let Some(held) = self.lock().get_mut(&key(fence))
            && held.lease.fence() == fence
        {
            held.lease.until = until;
        }
    }

    /// Forgets a lease, by its fence as claimed or as it is now. Another task's lease of the partition stays.
    pub(crate) fn remove(&self, fence: Fence) {
        let mut held = self.lock();
        if held.get(&key(fence)).is_some_and(|held| held.is(fence)) {
            held.remove(&key(fence));
        }
    }

    /// Returns guards of the leases that are still held, for a task whose own guards are gone.
    pub(crate) fn still_held(&self, fences: &[Fence]) -> Vec<LeaseGuard> {
        self.of_those_held(fences, |lease| LeaseGuard::new(lease.clone()))
    }

    /// Returns the present fence and the last known end of each lease that is still held.
    pub(super) fn ends(&self, fences: &[Fence]) -> Vec<(Fence, Instant)> {
        self.of_those_held(fences, |lease| (lease.fence(), lease.until))
    }

    pub(super) fn holds(&self, fence: Fence) -> bool {
        !self.ends(&[fence]).is_empty()
    }

    fn of_those_held<T>(&self, fences: &[Fence], what: impl Fn(&Lease) -> T) -> Vec<T> {
        let held = self.lock();
        let held = fences
            .iter()
            .filter_map(|fence| held.get(&key(*fence)).filter(|held| held.is(*fence)));
        held.map(|held| what(&held.lease)).collect()
    }

    /// Returns whether all leases were released: no new work begins.
    pub(super) fn are_given_back(&self) -> bool {
        self.given_back.load(Ordering::SeqCst)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Releases all held leases, and counts no attempt. No task starts another store call after this. Returns the jobs
    /// that ended by this.
    pub(crate) async fn give_back(&self, ledger: &Ledger) -> Result<Vec<JobEnd>, LedgerError> {
        self.given_back.store(true, Ordering::SeqCst);
        let releases: Vec<Release> = self
            .lock()
            .values()
            .map(|held| Back::default().of(held.lease.fence()))
            .collect();
        if releases.is_empty() {
            return Ok(Vec::new());
        }
        ledger.release(&releases).await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(JobId, i64), Held>> {
        // A panic leaves no change half done: each one sets, inserts or removes a single value.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(fence: Fence) -> (JobId, i64) {
    (fence.job, fence.ordinal)
}

impl Held {
    // The next claim gets a token beyond any that this lease had.
    fn is(&self, fence: Fence) -> bool {
        self.claimed == fence.token || self.lease.token == fence.token
    }
}

#[cfg(test)]
mod tests {
    use lethe_common::ledger::Actor;

    use super::*;
    use crate::fixture::{self, lease_with};

    fn tokens(leases: &Leases, claimed: i64) -> Vec<i64> {
        let held = leases.still_held(&[lease_with(claimed).fence()]);
        held.iter().map(|lease| lease.token).collect()
    }

    #[test]
    fn a_task_puts_back_its_lease_as_far_as_it_has_come() {
        let leases = Leases::default();
        leases.add(lease_with(1));
        leases.moved_on(&lease_with(2));
        leases.moved_on(&lease_with(3));
        assert_eq!(tokens(&leases, 1), [3]);
        leases.remove(lease_with(3).fence());
        assert_eq!((tokens(&leases, 1).len(), leases.count()), (0, 0));
    }

    #[test]
    fn a_task_that_lost_its_lease_leaves_that_of_the_task_that_has_it_now() {
        let leases = Leases::default();
        leases.add(lease_with(1));
        leases.moved_on(&lease_with(2));
        // The lease expired, and this same worker claimed the partition again.
        leases.add(lease_with(3));
        assert_eq!(tokens(&leases, 1), [0_i64; 0], "not the first task's to put back");
        leases.remove(lease_with(1).fence());
        leases.remove(lease_with(2).fence());
        leases.moved_on(&lease_with(2));
        assert_eq!(tokens(&leases, 3), [3]);
    }

    #[tokio::test]
    async fn the_jobs_that_end_with_a_shutdown_are_known() {
        let (_directory, env) = fixture::worker().await;
        let leases = fixture::claimed(&env, 2).await;
        let cancelled = leases[0].job.id;
        for lease in leases {
            drop(env.leases.add(lease));
        }
        env.ledger.cancel(cancelled, &Actor::named("tests")).await.unwrap();
        let ended = env.leases.give_back(&env.ledger).await.unwrap();
        assert_eq!(ended.iter().map(|end| end.id).collect::<Vec<_>>(), [cancelled]);
    }
}
