//! What follows a failure: another try later, or the end of the partition.
//!
//! Whether asking again can help is said by [`StoreError::class`] alone; here it is only carried
//! out. Transient failures are bounded by time, which the ledger's sweep sees to.

use std::time::{Duration, Instant};

use lethe_common::config::Retry;
use lethe_common::ledger::{Lease, Release};
use lethe_common::metrics::{self, RetryClass};

use crate::environment::Environment;
use crate::erase::Met;
use crate::intent::Intent;
use crate::record::failure;
use crate::store::{Class, StoreError};
use crate::task::Stop;

/// Returns how long to wait before another try: exponential backoff with full jitter, so that
/// what failed together does not come back together.
pub(crate) fn backoff(retry: &Retry, failures: u32) -> Duration {
    // 2^20 times any base is beyond any cap.
    let longest = retry.base.saturating_mul(1 << failures.min(20)).min(retry.cap);
    rand::random_range(Duration::ZERO..=longest).max(Duration::from_millis(1))
}

/// Returns whether vectors that were still there after they were deleted are to be tried again.
pub(crate) fn worth_another_try(env: &Environment, intent: &Intent, met: &[Met]) -> bool {
    intent.kept < env.config.retry.rounds && met.iter().any(Met::is_kept)
}

/// Deals with an error of a store that stopped the work on `leases`.
pub(crate) async fn after_error(env: &Environment, leases: &[Lease], error: &StoreError) -> Result<(), Stop> {
    if let [lease] = leases {
        return match error.class() {
            Class::Transient => put_back(env, lease, error).await,
            Class::Permanent => fail(env, lease, error.code()).await,
        };
    }
    // Nobody knows whose fault it is: each again by itself, charged only for its own.
    if error.is_outage()
        && let Some(lease) = leases.first()
    {
        env.breakers.failed(&lease.route.target, Instant::now());
    }
    let releases: Vec<Release> = leases
        .iter()
        .map(|lease| Release {
            fence: lease.fence(),
            delay_ms: 0,
            error: None,
            alone: !error.is_outage(),
        })
        .collect();
    env.insist(leases, || env.ledger.release(&releases)).await
}

/// Puts a partition back for another try.
pub(crate) async fn put_back(env: &Environment, lease: &Lease, error: &StoreError) -> Result<(), Stop> {
    let mut delay = backoff(&env.config.retry, lease.failures);
    if error.is_outage() {
        delay = delay.max(env.breakers.failed(&lease.route.target, Instant::now()));
    }
    metrics::retry(RetryClass::Transient, error.code());
    tracing::warn!(
        job.id = %lease.job.id,
        partition = lease.ordinal,
        target = lease.route.target,
        error.code = error.code(),
        error = %error,
        retry_in_ms = delay.as_millis(),
        "a partition met an error and is tried again later"
    );
    let release = Release {
        fence: lease.fence(),
        delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        error: Some(error.code()),
        alone: true,
    };
    env.insist(std::slice::from_ref(lease), || {
        env.ledger.release(std::slice::from_ref(&release))
    })
    .await?;
    env.leases.remove(lease);
    env.changed(lease);
    Ok(())
}

/// Says that a partition failed for good.
pub(crate) fn note_failure(lease: &Lease, code: &'static str) {
    metrics::retry(RetryClass::Permanent, code);
    tracing::error!(
        job.id = %lease.job.id,
        partition = lease.ordinal,
        target = lease.route.target,
        error.code = code,
        "a partition failed for good"
    );
}

/// Ends a partition that cannot be done; what remains of it counts as failed.
pub(crate) async fn fail(env: &Environment, lease: &Lease, code: &'static str) -> Result<(), Stop> {
    note_failure(lease, code);
    env.record(&[failure(lease, code)]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_cap_and_never_is_nothing() {
        let retry = Retry::default();
        for failures in 0..40 {
            let longest = retry.base.saturating_mul(1 << failures.min(20)).min(retry.cap);
            let delay = backoff(&retry, failures);
            assert!(delay > Duration::ZERO && delay <= longest.max(Duration::from_millis(1)));
        }
    }
}
