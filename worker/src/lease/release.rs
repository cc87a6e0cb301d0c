//! Releasing leases, due at once or later.

use lethe_common::ledger::Release;

use super::back::Back;
use super::environment::Environment;
use super::guard::{LeaseGuard, fences};
use super::stop::Stop;

impl LeaseGuard {
    /// Releases the lease.
    pub(crate) async fn release(self, env: &Environment, how: Back) -> Result<(), Stop> {
        release(env, vec![self], how).await
    }

    /// Releases the lease until a window of its job opens.
    pub(crate) async fn release_until_window(self, env: &Environment) -> Result<(), Stop> {
        let ended = self.ask(env, || env.ledger.release_until_window(&self)).await?;
        env.leases.remove(self.fence());
        if ended.is_empty() {
            // The job waits now.
            env.changed(self.job.id);
        }
        // It was cancelled meanwhile.
        env.ended(&ended);
        Ok(())
    }
}

/// Releases several leases in one step.
pub(crate) async fn release(env: &Environment, leases: Vec<LeaseGuard>, how: Back) -> Result<(), Stop> {
    let fences = fences(&leases);
    let releases: Vec<Release> = fences.iter().map(|fence| how.of(*fence)).collect();
    let ended = env.insist(&fences, || env.ledger.release(&releases)).await?;
    env.ended(&ended);
    for fence in fences {
        env.leases.remove(fence);
    }
    Ok(())
}
