//! A store call starts only if it must end before the lease does.
//!
//! Between two renewals a batch may make any number of calls: one for each group of memories, each table that shares a
//! collection, and each page. So every call checks the lease right before it starts.

use std::time::Instant;

use lethe_common::ledger::{Fence, LeaseCheck};

use super::environment::Environment;
use crate::store::StoreError;

impl Environment {
    /// Makes sure that the leases of this task outlast the time limit of a store call that starts now.
    /// Renews them if they end earlier.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] if a lease was lost, or could not be renewed in time.
    pub(crate) async fn outlast(&self) -> Result<(), StoreError> {
        if self.watched.is_empty() {
            return Ok(());
        }
        let lasts = |until: Option<Instant>| {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            left.is_some_and(|left| left >= self.config.worker.store_timeout)
        };
        let held = self.leases.ends(&self.watched);
        let until = held.iter().map(|(_, until)| *until).min();
        if self.leases.are_given_back() {
            return Err(StoreError::LeaseLost);
        }
        if lasts(until) {
            return Ok(());
        }
        let until = until.ok_or(StoreError::LeaseLost)?;
        let fences: Vec<Fence> = held.iter().map(|(fence, _)| *fence).collect();
        let renewed = self.insist_until(until, || self.ledger.renew(&fences)).await;
        let mut ends = Vec::with_capacity(fences.len());
        for (fence, answer) in fences.iter().zip(renewed.map_err(|_| StoreError::LeaseLost)?) {
            let (LeaseCheck::Proceed(until) | LeaseCheck::Cancel(until) | LeaseCheck::Pause(until)) = answer else {
                return Err(StoreError::LeaseLost);
            };
            self.leases.renewed(*fence, until);
            ends.push(until);
        }
        // The renewal itself may have been slow.
        if lasts(ends.into_iter().min()) {
            Ok(())
        } else {
            Err(StoreError::LeaseLost)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixture;

    const SOON: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_call_begins_only_under_a_lease_that_outlasts_it() {
        let (_directory, env) = fixture::worker().await;
        let lease = fixture::claimed(&env, 1).await.remove(0);
        let (fence, route) = (lease.fence(), lease.route.clone());
        drop(env.leases.add(lease));
        let task = env.watching(&[fence]);
        let until = || env.leases.still_held(&[fence])[0].until;

        let claimed = until();
        task.outlast().await.unwrap();
        assert_eq!(until(), claimed, "it lasts long enough");
        env.leases.renewed(fence, Instant::now() + SOON);
        task.outlast().await.unwrap();
        assert!(until() >= claimed, "it was renewed");

        env.ledger.end_all_leases().await.unwrap();
        let taken = env.claim(&fixture::claim(&[route])).await.unwrap();
        assert_eq!(taken.len(), 1, "another worker has taken over");
        task.outlast().await.unwrap();
        env.leases.renewed(fence, Instant::now() + SOON);
        assert!(matches!(task.outlast().await, Err(StoreError::LeaseLost)));
        // Without leases, a store call may always start, for example to check a store.
        env.outlast().await.unwrap();
    }
}
