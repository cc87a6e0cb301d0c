//! Renewing leases in time.

use std::time::Instant;

use lethe_common::ledger::{Fence, LeaseCheck};

use super::environment::Environment;
use super::guard::{LeaseGuard, fences};
use super::stop::Stop;

impl LeaseGuard {
    /// Renews the lease when it is due.
    pub(crate) async fn keep(&self, env: &Environment) -> Result<(), Stop> {
        env.keep(&[self.fence()]).await
    }
}

impl Environment {
    /// Renews leases when they are due.
    ///
    /// # Errors
    ///
    /// [`Stop::Lost`] if any of the leases was lost.
    pub(crate) async fn keep(&self, fences: &[Fence]) -> Result<(), Stop> {
        self.renew(fences).await?;
        if self.leases.ends(fences).len() < fences.len() {
            return Err(Stop::Lost);
        }
        Ok(())
    }

    /// Renews leases when they are due, and drops lost leases: the work goes on with the others.
    pub(crate) async fn keep_those_left(&self, leases: &mut Vec<LeaseGuard>) -> Result<(), Stop> {
        self.renew(&fences(leases)).await?;
        leases.retain(|lease| self.leases.holds(lease.fence()));
        if leases.is_empty() { Err(Stop::Lost) } else { Ok(()) }
    }

    /// Renews leases if one of them is due, and forgets lost leases.
    async fn renew(&self, fences: &[Fence]) -> Result<(), Stop> {
        if self.leases.are_given_back() {
            return Err(Stop::Lost);
        }
        let lease = self.config.lease.duration;
        let due = Instant::now() + lease.saturating_sub(self.config.lease.renew_every);
        let ends = self.leases.ends(fences);
        if ends.iter().all(|(_, until)| *until > due) {
            return Ok(());
        }
        let held: Vec<Fence> = ends.into_iter().map(|(fence, _)| fence).collect();
        let answers = self.insist(&held, || self.ledger.renew(&held)).await?;
        let mut answers = answers.into_iter();
        for fence in held {
            match answers.next() {
                Some(LeaseCheck::Proceed(until) | LeaseCheck::Cancel(until) | LeaseCheck::Pause(until)) => {
                    self.leases.renewed(fence, until);
                }
                Some(LeaseCheck::Lost | LeaseCheck::Refused) | None => self.leases.remove(fence),
            }
        }
        Ok(())
    }
}
