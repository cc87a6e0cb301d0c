//! Maintenance windows: a job begins no work while all of its windows are closed.
//!
//! The worker asks the ledger before each batch, and before it plans, previews or reads back. It finishes a
//! begun intent at any time.

use lethe_common::doorbell::Ring;

use super::environment::Environment;
use super::guard::LeaseGuard;
use super::stop::Stop;

/// Returns the leases under which work may begin now. Releases the others until their next window.
pub(crate) async fn admit(env: &Environment, leases: Vec<LeaseGuard>) -> Result<Vec<LeaseGuard>, Stop> {
    let mut admitted = Vec::with_capacity(leases.len());
    for lease in leases {
        admitted.extend(admit_one(env, lease).await?);
    }
    Ok(admitted)
}

/// Returns the lease if work may begin now. Otherwise releases it until the next window.
pub(crate) async fn admit_one(env: &Environment, lease: LeaseGuard) -> Result<Option<LeaseGuard>, Stop> {
    if !lease.job.scheduled || lease.job.cancelling || lease.intent.is_some() {
        return Ok(Some(lease));
    }
    if !lease.ask(env, || env.ledger.waits_for_window(&lease)).await? {
        return Ok(Some(lease));
    }
    lease.release_until_window(env).await?;
    // A ring (a notification): workers that sleep until the next due time must learn of this one.
    env.doorbell.ring(Ring::Work);
    Ok(None)
}
