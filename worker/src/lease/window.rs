//! Maintenance windows: while none of a job's is open, nothing of it is begun.
//!
//! Asked of the ledger before each batch, and before planning, counting or reading back begins. An intent
//! that has begun is finished, whatever the time.

use lethe_common::doorbell::Ring;

use super::environment::Environment;
use super::guard::LeaseGuard;
use super::stop::Stop;

/// Gives back, until the next window, what must not begin now; returns the rest.
pub(crate) async fn admit(env: &Environment, leases: Vec<LeaseGuard>) -> Result<Vec<LeaseGuard>, Stop> {
    let mut admitted = Vec::with_capacity(leases.len());
    for lease in leases {
        admitted.extend(admit_one(env, lease).await?);
    }
    Ok(admitted)
}

/// Returns a lease under which something may begin; any other is given back.
pub(crate) async fn admit_one(env: &Environment, lease: LeaseGuard) -> Result<Option<LeaseGuard>, Stop> {
    if !lease.job.scheduled || lease.job.cancelling || lease.intent.is_some() {
        return Ok(Some(lease));
    }
    if !lease.ask(env, || env.ledger.waits_for_window(&lease)).await? {
        return Ok(Some(lease));
    }
    lease.release_until_window(env).await?;
    // Whoever sleeps until something else is due has to know of this.
    env.doorbell.ring(Ring::Work);
    Ok(None)
}
