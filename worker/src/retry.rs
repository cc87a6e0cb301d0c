//! What follows a failure: another try later, or the end of the partition.
//!
//! Whether asking again can help is said by [`StoreError::class`] alone; here it is only carried
//! out. Transient failures are bounded by time, which the ledger's sweep sees to.

use std::time::{Duration, Instant};

use lethe_common::config::Retry;
use lethe_common::error_code::ErrorCode;
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

/// What an error says about the stores of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A store is out of reach: leave the target alone for so long.
    Down(Duration),
    /// The stores answer, and a call found one of them busy or took too long.
    Slow,
    /// Nothing: the partition, or one of a group, may be at fault.
    Fine,
}

/// Finds out what an error says about the stores of its target, and tells its breaker.
async fn judge(env: &Environment, lease: &Lease, error: &StoreError) -> Verdict {
    let target = &lease.route.target;
    match error {
        _ if error.is_outage() => Verdict::Down(env.breakers.failed(target, Instant::now())),
        // A slow statement, or a store that hangs.
        StoreError::Timeout { .. } if !env.mappings.answer(target).await => {
            Verdict::Down(env.breakers.went_down(target, Instant::now()))
        }
        StoreError::Timeout { .. } | StoreError::Busy { .. } => {
            env.breakers.was_slow(target);
            Verdict::Slow
        }
        _ => Verdict::Fine,
    }
}

/// Deals with an error of a store that stopped the work on `leases`.
pub(crate) async fn after_error(env: &Environment, leases: &[Lease], error: &StoreError) -> Result<(), Stop> {
    let Some(first) = leases.first() else { return Ok(()) };
    let verdict = judge(env, first, error).await;
    if let [lease] = leases {
        return match error.class() {
            Class::Transient => put_back(env, lease, error, verdict).await,
            Class::Permanent => fail(env, lease, error.code()).await,
        };
    }
    let failures = leases.iter().map(|lease| lease.failures).max().unwrap_or(0);
    let release = match verdict {
        // Together again once the store is back, and nobody is charged.
        Verdict::Down(_) => Together {
            error: Some(error.code()),
            ..Together::default()
        },
        // Each failure makes the groups smaller: there was too much to do, or one is to blame.
        Verdict::Slow => Together {
            delay_ms: millis(backoff(&env.config.retry, failures)),
            error: Some(error.code()),
            charged: true,
            alone: false,
        },
        // Nobody knows whose fault it is: each again by itself, charged only for its own.
        Verdict::Fine => Together {
            alone: true,
            ..Together::default()
        },
    };
    tracing::warn!(
        partitions = leases.len(),
        target = first.route.target,
        error.code = error.code().as_str(),
        error = %error,
        retry_in_ms = release.delay_ms,
        alone = release.alone,
        "a group of partitions met an error and is tried again"
    );
    let releases: Vec<Release> = leases.iter().map(|lease| release.of(lease)).collect();
    env.insist(leases, || env.ledger.release(&releases)).await
}

/// How the partitions of a group are put back.
#[derive(Debug, Default)]
struct Together {
    delay_ms: u64,
    error: Option<ErrorCode>,
    charged: bool,
    alone: bool,
}

impl Together {
    fn of(&self, lease: &Lease) -> Release {
        Release {
            fence: lease.fence(),
            delay_ms: self.delay_ms,
            error: self.error,
            charged: self.charged,
            alone: self.alone,
        }
    }
}

fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

/// Puts a partition back for another try.
pub(crate) async fn put_back(
    env: &Environment,
    lease: &Lease,
    error: &StoreError,
    verdict: Verdict,
) -> Result<(), Stop> {
    let mut delay = backoff(&env.config.retry, lease.failures);
    if let Verdict::Down(pause) = verdict {
        delay = delay.max(pause);
    }
    metrics::retry(RetryClass::Transient, Some(error.code()));
    tracing::warn!(
        job.id = %lease.job.id,
        partition = lease.ordinal,
        target = lease.route.target,
        error.code = error.code().as_str(),
        error = %error,
        retry_in_ms = delay.as_millis(),
        "a partition met an error and is tried again later"
    );
    let release = Release {
        fence: lease.fence(),
        delay_ms: millis(delay),
        error: Some(error.code()),
        charged: true,
        alone: verdict == Verdict::Fine,
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
pub(crate) fn note_failure(lease: &Lease, code: ErrorCode) {
    metrics::retry(RetryClass::Permanent, Some(code));
    tracing::error!(
        job.id = %lease.job.id,
        partition = lease.ordinal,
        target = lease.route.target,
        error.code = code.as_str(),
        "a partition failed for good"
    );
}

/// Ends a partition that cannot be done; what remains of it counts as failed.
pub(crate) async fn fail(env: &Environment, lease: &Lease, code: ErrorCode) -> Result<(), Stop> {
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
