//! Retrying calls to an unreachable ledger, until the leases expire.

use std::time::{Duration, Instant};

use lethe_common::ledger::{Fence, LedgerError};

use super::environment::Environment;
use super::guard::LeaseGuard;
use super::stop::Stop;
use crate::backoff;

/// The first and the longest pause between retries: short beside a lease, and little load on a recovering ledger.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// The reason why the ledger did not accept a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untaken {
    /// A lease was lost, or expired while the ledger was unreachable.
    Lost,
    /// The ledger refuses the step, and would refuse a retry.
    Refused,
    /// The ledger rejects the step until an operator changes something.
    Rejected,
}

impl LeaseGuard {
    /// Calls the ledger about this lease. Retries while the ledger is unavailable and the lease lasts.
    pub(crate) async fn ask<T, F>(&self, env: &Environment, call: impl Fn() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        env.insist(&[self.fence()], call).await
    }
}

impl Environment {
    /// Calls the ledger about leases. Retries while the ledger is unavailable and the leases last.
    pub(super) async fn insist<T, F>(&self, fences: &[Fence], call: impl Fn() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let ends = self.leases.ends(fences);
        let until = ends.iter().map(|(_, until)| *until).min().ok_or(Stop::Lost)?;
        self.insist_until(until, call).await.map_err(|untaken| match untaken {
            Untaken::Lost => Stop::Lost,
            Untaken::Refused => Stop::Refused(fences.to_vec()),
            Untaken::Rejected => Stop::Rejected,
        })
    }

    /// Calls the ledger. Retries while it is unavailable, until a time.
    pub(super) async fn insist_until<T, F>(&self, until: Instant, call: impl Fn() -> F) -> Result<T, Untaken>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let mut pause = FIRST;
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let transient = error.is_transient();
                    tracing::warn!(
                        ledger.sqlstate = error.sqlstate(),
                        transient,
                        "the ledger did not accept a step of a partition"
                    );
                    if error.is_refusal() {
                        return Err(Untaken::Refused);
                    }
                    if !transient {
                        return Err(Untaken::Rejected);
                    }
                    if Instant::now() + pause >= until {
                        return Err(Untaken::Lost);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = backoff::longer(pause, LONGEST);
        }
    }
}
