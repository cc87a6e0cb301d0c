//! After a failure: a retry later, or the end of the partition.
//!
//! [`StoreError::class`] alone decides whether a retry can help; this module only acts on it. The ledger's
//! sweep bounds transient failures by time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lethe_common::job::{JobId, StoreKind};
use lethe_common::metrics::{self, RetryClass};
use tracing::field::display;

use super::back::Back;
use super::environment::Environment;
use super::guard::LeaseGuard;
use super::release::release;
use super::stop::Stop;
use crate::backoff;
use crate::span::{self, About};
use crate::store::{Class, StoreError};
use crate::targets::Failure;

/// The state of a target's stores, as an error shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A store is unreachable: pause the target for this time.
    Down(Duration),
    /// A store of another target is unreachable or slow: pause this partition for this time, but not its target.
    Away(Duration),
    /// The stores answer, but one was busy or exceeded the time limit of a call.
    Slow,
    /// The stores are not at fault: the partition may be, or one of its group.
    Fine,
}

/// Judges the stores of a target by an error, and informs the breaker of the target whose store failed.
async fn judge(env: &Environment, target: &str, error: &StoreError) -> Verdict {
    let failure = Failure {
        code: error.code(),
        store: error.store(),
    };
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
        _ if error.is_outage() => {
            let role = env.trial_role(target);
            Verdict::Down(env.breakers.failed(target, role, failure, Instant::now()))
        }
        // Either a slow statement or a store that hangs: a ping tells them apart.
        StoreError::Timeout { .. } if !env.mappings.answer(target).await => {
            let role = env.trial_role(target);
            Verdict::Down(env.breakers.went_down(target, role, failure, Instant::now()))
        }
        StoreError::Timeout { .. } | StoreError::Busy { .. } => {
            env.breakers.was_slow(target, failure);
            Verdict::Slow
        }
        _ => Verdict::Fine,
    }
}

/// Handles a store error that stopped the work on `leases`.
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
            Class::Permanent => {
                let about = About::lease(&lease);
                // The name of an unindexed field may be the caller's own words.
                let text = (!matches!(error, StoreError::Unindexed { .. })).then(|| display(error));
                tracing::warn!(
                    job.id = about.job,
                    partition = about.partition,
                    target.name = about.target,
                    store.name = error.store().map(StoreKind::as_str),
                    error.code = error.code().as_str(),
                    error = text,
                    "a store refuses the work of a partition"
                );
                lease.fail(env, error.code()).await
            }
        };
    }
    let back = together(env, &leases, error, verdict);
    put_back_all(env, leases, error, back).await
}

/// Returns the options for the release of a group.
fn together(env: &Environment, leases: &[LeaseGuard], error: &StoreError, verdict: Verdict) -> Back {
    let failures = leases.iter().map(|lease| lease.failures).max().unwrap_or(0);
    match verdict {
        // The group retries together once the store is back. No attempt is counted.
        Verdict::Down(_) => Back {
            error: Some(error.code()),
            ..Back::default()
        },
        Verdict::Away(pause) => Back {
            delay: pause,
            error: Some(error.code()),
            ..Back::default()
        },
        // Each failure makes the groups smaller: there was too much to do, or one partition is at fault.
        Verdict::Slow => Back {
            delay: backoff::jittered(&env.config.retry, failures),
            error: Some(error.code()),
            charged: true,
            alone: false,
        },
        // The faulty partition is unknown. Each retries by itself, so only its own failures count.
        Verdict::Fine => Back {
            alone: true,
            ..Back::default()
        },
    }
}

/// Releases a partition for a retry.
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
    let back = Back {
        delay,
        error: Some(error.code()),
        charged: true,
        alone: verdict == Verdict::Fine,
    };
    put_back_all(env, vec![lease], error, back).await
}

/// Releases partitions for a retry, counts each, and notifies the watchers of their jobs.
async fn put_back_all(env: &Environment, leases: Vec<LeaseGuard>, error: &StoreError, back: Back) -> Result<(), Stop> {
    log(&leases, error, back);
    let jobs: Vec<JobId> = leases.iter().map(|lease| lease.job.id).collect();
    release(env, leases, back).await?;
    for _ in &jobs {
        metrics::retry(RetryClass::Transient, Some(error.code()));
    }
    for job in jobs.into_iter().collect::<BTreeSet<_>>() {
        env.changed(job);
    }
    Ok(())
}

fn log(leases: &[LeaseGuard], error: &StoreError, back: Back) {
    if let [lease] = leases {
        let about = About::lease(lease);
        tracing::warn!(
            job.id = about.job,
            partition = about.partition,
            target.name = about.target,
            store.name = error.store().map(StoreKind::as_str),
            error.code = error.code().as_str(),
            error = %error,
            retry_in_ms = back.delay.as_millis(),
            "a partition failed and will be retried"
        );
    } else {
        tracing::warn!(
            partitions = leases.len(),
            target.name = leases.first().and_then(|lease| span::target(&lease.route.target)),
            store.name = error.store().map(StoreKind::as_str),
            error.code = error.code().as_str(),
            error = %error,
            retry_in_ms = back.delay.as_millis(),
            alone = back.alone,
            "a group of partitions failed and will be retried"
        );
    }
}
