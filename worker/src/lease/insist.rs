//! Asking a ledger that may be out of reach, for as long as leases last.

use std::time::{Duration, Instant};

use lethe_common::ledger::{Fence, LedgerError};

use super::environment::Environment;
use super::guard::LeaseGuard;
use super::stop::Stop;
use crate::backoff;

/// The pauses between calls to a ledger that is out of reach: short beside a lease, and no load on one that comes back.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Why the ledger did not take a step of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untaken {
    /// A lease was lost, or ran out while the ledger could not be reached.
    Lost,
    /// The ledger refuses the step, and would refuse it again.
    Refused,
    /// The ledger rejects the step until an operator changes something.
    Rejected,
}

impl LeaseGuard {
    /// Repeats a call to the ledger about this lease while it is unavailable and the lease lasts.
    pub(crate) async fn ask<T, F>(&self, env: &Environment, call: impl Fn() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        env.insist(&[self.fence()], call).await
    }
}

impl Environment {
    /// Repeats a call to the ledger about leases while it is unavailable and they last.
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

    /// Repeats a call to the ledger while it is unavailable, until a time.
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
                        "the ledger did not take a step of a partition"
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
