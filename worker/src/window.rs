//! Maintenance windows: while none of a job's is open, nothing of it is begun.
//!
//! Asked of the ledger before each batch, and before planning, counting or reading back begins. An intent
//! that has begun is finished, whatever the time.

use lethe_common::doorbell::Ring;
use lethe_common::ledger::Lease;

use crate::environment::Environment;
use crate::stop::Stop;

/// Gives back, until the next window, what must not begin now; returns the rest.
pub(crate) async fn admit(env: &Environment, leases: Vec<Lease>) -> Result<Vec<Lease>, Stop> {
    let mut admitted = Vec::with_capacity(leases.len());
    for lease in leases {
        if is_open(env, &lease).await? {
            admitted.push(lease);
        }
    }
    Ok(admitted)
}

/// Returns whether something may begin under a lease; if not, it was given back.
pub(crate) async fn is_open(env: &Environment, lease: &Lease) -> Result<bool, Stop> {
    if !lease.job.scheduled || lease.job.cancelling || lease.intent.is_some() {
        return Ok(true);
    }
    let held = std::slice::from_ref(lease);
    if !env.insist(held, || env.ledger.waits_for_window(lease)).await? {
        return Ok(true);
    }
    env.insist(held, || env.ledger.release_until_window(lease)).await?;
    env.leases.remove(lease);
    // Whoever sleeps until something else is due has to know of this.
    env.doorbell.ring(Ring::Work);
    Ok(false)
}
