//! Whether a batch may begin now: not of a job that is being cancelled, outside its windows, or ahead of its pace.

use std::time::Duration;

use lethe_common::doorbell::Ring;

use crate::job::batch;
use crate::job::intent::Intent;
use crate::lease::{Back, CORRUPT, Environment, LeaseGuard, Stop, window};

/// For how many milliseconds a partition that waits to keep its job's pace is given back at most: the pace may have changed
/// by then.
const LOOK: u64 = 1_000;

/// Returns those leases under which a batch may begin, or has begun; ends or gives back the others. No store is asked
/// about any.
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

/// Gives a throttled job's partition back until the next batch may start.
pub(super) async fn wait_for_turn(env: &Environment, lease: LeaseGuard, wait_ms: u64) -> Result<(), Stop> {
    // Not all that wait at the same moment: one of them starts, and the others would wait again.
    let pace = lease.job.per_second.unwrap_or(f64::INFINITY);
    let spread = Duration::from_secs(2).mul_f64((f64::from(batch::size(&env.config, &lease.job)) / pace).min(0.25));
    let wait = Duration::from_millis(wait_ms.min(LOOK)) + rand::random_range(Duration::ZERO..=spread);
    give_back(env, lease, wait).await?;
    // Whoever sleeps until something else is due has to know of this.
    env.doorbell.ring(Ring::Work);
    Ok(())
}

/// Gives a partition back for later: no slot, no lease, no attempt.
pub(super) async fn give_back(env: &Environment, lease: LeaseGuard, delay: Duration) -> Result<(), Stop> {
    let back = Back {
        delay,
        ..Back::default()
    };
    lease.release(env, back).await
}
