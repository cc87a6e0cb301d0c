//! Committing intents under their leases, before the first effect.

use lethe_common::ledger::{Fence, Lease, LeaseCheck};

use super::environment::Environment;
use super::guard::LeaseGuard;
use super::stop::Stop;

impl LeaseGuard {
    /// Commits the intent of a batch.
    pub(crate) async fn intend(&self, env: &Environment, intent: String) -> Result<LeaseCheck, Stop> {
        let answers = intend(env, vec![(self, intent)]).await?;
        Ok(answers.first().copied().unwrap_or(LeaseCheck::Lost))
    }

    /// Forgets a lease that was lost.
    pub(crate) fn forget(self, env: &Environment) {
        env.leases.remove(self.fence());
    }
}

/// Commits the intents of several batches in one step. The answers have the order of `intents`.
pub(crate) async fn intend(env: &Environment, intents: Vec<(&LeaseGuard, String)>) -> Result<Vec<LeaseCheck>, Stop> {
    let fences: Vec<Fence> = intents.iter().map(|(lease, _)| lease.fence()).collect();
    let intents: Vec<(&Lease, String)> = intents.into_iter().map(|(lease, text)| (&**lease, text)).collect();
    let answers = env.insist(&fences, || env.ledger.intend(&intents)).await?;
    for (fence, answer) in fences.iter().zip(&answers) {
        if let LeaseCheck::Proceed(until) = answer {
            env.leases.renewed(*fence, *until);
        }
    }
    Ok(answers)
}
