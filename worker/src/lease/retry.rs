//! What follows a failure: another try later, or the end of the partition.
//!
//! Whether asking again can help is said by [`StoreError::class`] alone; here it is only carried
//! out. Transient failures are bounded by time, which the ledger's sweep sees to.

use std::time::{Duration, Instant};

use lethe_common::metrics::{self, RetryClass};

use super::back::Back;
use super::environment::Environment;
use super::guard::LeaseGuard;
use super::release::release;
use super::stop::Stop;
use crate::backoff;
use crate::span::{self, About};
use crate::store::{Class, StoreError};

/// What an error says about the stores of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A store is out of reach: leave the target alone for so long.
    Down(Duration),
    /// A store of another target is out of reach, or slow: leave the partition alone for so long, and not the target.
    Away(Duration),
    /// The stores answer, and a call found one of them busy or took too long.
    Slow,
    /// Nothing: the partition, or one of a group, may be at fault.
    Fine,
}

/// Finds out what an error says about the stores of a target, and tells its breaker; or that of the target whose store
/// it was.
async fn judge(env: &Environment, target: &str, error: &StoreError) -> Verdict {
    match error {
        StoreError::Neighbour {
            target,
            error: Some(error),
        } => match Box::pin(judge(env, target, error)).await {
            Verdict::Down(pause) | Verdict::Away(pause) => Verdict::Away(pause),
            Verdict::Slow => Verdict::Away(env.config.retry.breaker_pause),
            Verdict::Fine => Verdict::Fine,
        },
        StoreError::Neighbour { target, error: None } => Verdict::Away(env.breakers.pause(target, Instant::now())),
        _ if error.is_outage() => Verdict::Down(env.breakers.failed(target, error.code(), Instant::now())),
        // A slow statement, or a store that hangs.
        StoreError::Timeout { .. } if !env.mappings.answer(target).await => {
            Verdict::Down(env.breakers.went_down(target, error.code(), Instant::now()))
        }
        StoreError::Timeout { .. } | StoreError::Busy { .. } => {
            env.breakers.was_slow(target, error.code());
            Verdict::Slow
        }
        _ => Verdict::Fine,
    }
}

/// Deals with an error of a store that stopped the work on `leases`.
pub(crate) async fn after_error(
    env: &Environment,
    mut leases: Vec<LeaseGuard>,
    error: &StoreError,
) -> Result<(), Stop> {
    let Some(first) = leases.first() else { return Ok(()) };
    let verdict = judge(env, &first.route.target, error).await;
    if leases.len() == 1
        && let Some(lease) = leases.pop()
    {
        return match error.class() {
            Class::Transient => put_back(env, lease, error, verdict).await,
            Class::Permanent => lease.fail(env, error.code()).await,
        };
    }
    let back = together(env, &leases, error, verdict);
    tracing::warn!(
        partitions = leases.len(),
        target.name = span::target(&leases[0].route.target),
        error.code = error.code().as_str(),
        error = %error,
        retry_in_ms = back.delay.as_millis(),
        alone = back.alone,
        "a group of partitions met an error and is tried again"
    );
    release(env, leases, back).await
}

/// Returns how the partitions of a group are put back.
fn together(env: &Environment, leases: &[LeaseGuard], error: &StoreError, verdict: Verdict) -> Back {
    let failures = leases.iter().map(|lease| lease.failures).max().unwrap_or(0);
    match verdict {
        // Together again once the store is back, and nobody is charged.
        Verdict::Down(_) => Back {
            error: Some(error.code()),
            ..Back::default()
        },
        Verdict::Away(pause) => Back {
            delay: pause,
            error: Some(error.code()),
            ..Back::default()
        },
        // Each failure makes the groups smaller: there was too much to do, or one is to blame.
        Verdict::Slow => Back {
            delay: backoff::jittered(&env.config.retry, failures),
            error: Some(error.code()),
            charged: true,
            alone: false,
        },
        // Nobody knows whose fault it is: each again by itself, charged only for its own.
        Verdict::Fine => Back {
            alone: true,
            ..Back::default()
        },
    }
}

/// Puts a partition back for another try.
pub(crate) async fn put_back(
    env: &Environment,
    lease: LeaseGuard,
    error: &StoreError,
    verdict: Verdict,
) -> Result<(), Stop> {
    let mut delay = backoff::jittered(&env.config.retry, lease.failures);
    if let Verdict::Down(pause) | Verdict::Away(pause) = verdict {
        delay = delay.max(pause);
    }
    metrics::retry(RetryClass::Transient, Some(error.code()));
    let about = About::lease(&lease);
    tracing::warn!(
        job.id = about.job,
        partition = about.partition,
        target.name = about.target,
        error.code = error.code().as_str(),
        error = %error,
        retry_in_ms = delay.as_millis(),
        "a partition met an error and is tried again later"
    );
    let back = Back {
        delay,
        error: Some(error.code()),
        charged: true,
        alone: verdict == Verdict::Fine,
    };
    let job = lease.job.id;
    lease.release(env, back).await?;
    env.changed(job);
    Ok(())
}
