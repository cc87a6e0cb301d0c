//! Checks before a batch begins: the job must not be cancelling, outside its windows or ahead of its pace.

use std::time::Duration;

use lethe_common::doorbell::Ring;

use crate::job::batch;
use crate::job::intent::Intent;
use crate::lease::{Back, CORRUPT, Environment, LeaseGuard, Stop, window};

/// The longest wait of a throttled partition in milliseconds, before the random spread: the pace may change meanwhile.
const LOOK: u64 = 1_000;

/// Returns the leases whose batch may begin or has begun. Ends or releases the others, without a store call.
pub(super) async fn may_begin(env: &Environment, open: Vec<LeaseGuard>) -> Result<Vec<LeaseGuard>, Stop> {
    let mut going = Vec::with_capacity(open.len());
    for lease in open {
        if Intent::is_lost(&lease) {
            lease.fail(env, CORRUPT).await?;
        } else if lease.intent.is_some() {
            going.push(lease);
        } else if lease.job.cancelling {
            lease.cancel(env).await?;
        } else if let Some(lease) = window::admit_one(env, lease).await? {
            match lease.ask(env, || env.ledger.throttled(&lease)).await? {
                None => going.push(lease),
                Some(wait) => wait_for_turn(env, lease, wait).await?,
            }
        }
    }
    Ok(going)
}

/// Releases a throttled job's partition until the next batch may start.
pub(super) async fn wait_for_turn(env: &Environment, lease: LeaseGuard, wait_ms: u64) -> Result<(), Stop> {
    // The random spread keeps partitions from waking together: one would start, and the others wait again.
    let pace = lease.job.per_second.unwrap_or(f64::INFINITY);
    let spread = Duration::from_secs(2).mul_f64((f64::from(batch::size(&env.config, &lease.job)) / pace).min(0.25));
    let wait = Duration::from_millis(wait_ms.min(LOOK)) + rand::random_range(Duration::ZERO..=spread);
    give_back(env, lease, wait).await?;
    // A ring (a notification): workers that sleep until the next due time must learn of this one.
    env.doorbell.ring(Ring::Work);
    Ok(())
}

/// Releases a partition for later. It holds no slot and no lease, and counts no attempt.
pub(super) async fn give_back(env: &Environment, lease: LeaseGuard, delay: Duration) -> Result<(), Stop> {
    let back = Back {
        delay,
        ..Back::default()
    };
    lease.release(env, back).await
}
