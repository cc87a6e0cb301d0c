//! Releasing or ending the leases of a task that stopped before it recorded them.
//!
//! Only leases that the task still holds are touched, in their present state; leases that it ended or released before
//! no longer belong to it. If the process dies here, the leases expire.

use std::collections::BTreeSet;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{Fence, Release};
use lethe_common::metrics::{self, RetryClass};

use super::back::Back;
use super::environment::Environment;
use super::record::LEDGER_REFUSED;
use super::retry;
use super::stop::Stop;
use crate::backoff;
use crate::span::About;
use crate::store::StoreError;

/// Releases leases, or ends them, after their work stopped. `claimed` holds their fences as they were claimed.
pub(crate) async fn after_stop(env: &Environment, claimed: &[Fence], stop: Stop) {
    match stop {
        Stop::Lost => {
            metrics::retry(RetryClass::LeaseLost, None);
            // One lost lease stops its group. Released leases need not expire first.
            put_back(env, claimed, None).await;
        }
        // Only a partition that runs alone stops so, and its lease has ended: nothing is left to release.
        Stop::Over => {}
        Stop::Refused(about) => {
            if let [fence] = about.as_slice() {
                fail_refused(env, *fence).await;
            }
            // Each partition retries alone, which shows the faulty one.
            put_back(env, claimed, None).await;
        }
        Stop::Rejected => put_back(env, claimed, Some(LEDGER_REFUSED)).await,
        Stop::Store(error) => after_error(env, claimed, &error).await,
    }
}

/// Releases leases after a panic. Each retries alone. A panic after `lease.rescues` failed attempts fails it.
pub(crate) async fn after_panic(env: &Environment, claimed: &[Fence]) {
    let mut held = env.leases.still_held(claimed);
    for lease in &held {
        let about = About::lease(lease);
        tracing::error!(
            job.id = about.job,
            partition = about.partition,
            "the work on a partition panicked"
        );
    }
    if held.is_empty() {
        tracing::error!("the work on a group panicked after its partitions were recorded or released");
    }
    match held.pop() {
        Some(lease) if held.is_empty() && lease.failures >= env.config.lease.rescues => {
            let fence = lease.fence();
            if lease.fail(env, ErrorCode::Panic).await.is_err() {
                tracing::warn!(
                    job.id = About::fence(fence).job,
                    "the partition could not be failed: its lease has to expire"
                );
            }
        }
        _ => put_back(env, claimed, Some(ErrorCode::Panic)).await,
    }
}

/// Fails the partition whose step the ledger refused.
async fn fail_refused(env: &Environment, fence: Fence) {
    for lease in env.leases.still_held(&[fence]) {
        if lease.fail(env, LEDGER_REFUSED).await.is_err() {
            tracing::warn!(job.id = About::fence(fence).job, "the partition could not be failed");
        }
    }
}

async fn after_error(env: &Environment, claimed: &[Fence], error: &StoreError) {
    let leases = env.leases.still_held(claimed);
    let cause: &StoreError = match error {
        StoreError::Neighbour { error: Some(cause), .. } => cause,
        error => error,
    };
    if matches!(
        cause,
        StoreError::Missing { .. } | StoreError::Mapping { .. } | StoreError::Mistyped(_)
    ) && let Some(mapped) = leases.first().and_then(|lease| env.mappings.get(&lease.route))
    {
        mapped.reopen().await;
        // The error may be about a table that shares the collection.
        for other in env.mappings.sharing(mapped) {
            other.reopen().await;
        }
    }
    match retry::after_error(env, leases, error).await {
        Ok(()) | Err(Stop::Over | Stop::Store(_)) => {}
        Err(Stop::Lost) => metrics::retry(RetryClass::LeaseLost, None),
        Err(Stop::Refused(_) | Stop::Rejected) => put_back(env, claimed, Some(LEDGER_REFUSED)).await,
    }
}

/// Releases the leases that a task still holds. Once the ledger accepts this, counts each retry that an error caused,
/// and notifies the watchers of their jobs.
async fn put_back(env: &Environment, claimed: &[Fence], error: Option<ErrorCode>) {
    let held = env.leases.still_held(claimed);
    let failures = held.iter().map(|lease| lease.failures).max().unwrap_or(0);
    let back = Back {
        delay: backoff::jittered(&env.config.retry, failures),
        error,
        charged: error.is_some(),
        alone: true,
    };
    let releases: Vec<Release> = held.iter().map(|lease| back.of(lease.fence())).collect();
    if releases.is_empty() {
        return;
    }
    let Ok(ended) = env.ledger.release(&releases).await else {
        tracing::warn!(
            partitions = releases.len(),
            "the ledger is unreachable: leases have to expire"
        );
        return;
    };
    env.ended(&ended);
    if error.is_some() {
        for _ in &releases {
            metrics::retry(RetryClass::Transient, error);
        }
    }
    let jobs: BTreeSet<JobId> = held.iter().map(|lease| lease.job.id).collect();
    for job in jobs {
        if ended.iter().all(|end| end.id != job) {
            env.changed(job);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use lethe_common::doorbell::Ring;
    use lethe_common::ledger::Lease;
    use sqlx::Executor as _;

    use super::*;
    use crate::fixture;

    #[tokio::test]
    async fn a_panic_concerns_only_what_was_not_recorded_yet() {
        let (_directory, env) = fixture::worker().await;
        let leases = fixture::claimed(&env, 3).await;
        let claimed: Vec<Fence> = leases.iter().map(Lease::fence).collect();
        for lease in leases {
            drop(env.leases.add(lease));
        }
        let before = fixture::counted("transient", "panic");
        env.leases.remove(claimed[0]);

        after_panic(&env, &claimed).await;

        assert_eq!(fixture::counted("transient", "panic"), before + 2);
    }

    #[tokio::test]
    async fn a_retry_is_counted_and_announced_once_the_ledger_has_accepted_it() {
        let (directory, env) = fixture::worker().await;
        let lease = fixture::claimed(&env, 1).await.remove(0);
        let (job, claimed) = (lease.job.id, [lease.fence()]);
        drop(env.leases.add(lease));
        let mut rings = env.doorbell.subscribe();
        let pool = sqlx::AnyPool::connect(&fixture::ledger_url(&directory)).await.unwrap();
        let before = fixture::counted("transient", "panic");

        pool.execute("ALTER TABLE partitions RENAME TO elsewhere")
            .await
            .unwrap();
        after_panic(&env, &claimed).await;
        assert_eq!(fixture::counted("transient", "panic"), before);
        assert_eq!(rings.recv().now_or_never(), None);

        pool.execute("ALTER TABLE elsewhere RENAME TO partitions")
            .await
            .unwrap();
        after_panic(&env, &claimed).await;
        assert_eq!(fixture::counted("transient", "panic"), before + 1);
        assert_eq!(rings.recv().now_or_never(), Some(Ring::Changed(job)));
    }
}
