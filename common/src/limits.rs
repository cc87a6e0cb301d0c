//! Fails the jobs whose time limit has passed. API and worker processes do so every few seconds, so every job ends.

use std::time::{Duration, Instant};

use crate::doorbell::{Doorbell, Ring};
use crate::ledger::{Ledger, LedgerError};

/// The interval at which a process looks for jobs whose time limit has passed.
// A job ends a few seconds after its time limit, which is minutes at least.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Fails the jobs whose time limit has passed, for half of the [`INTERVAL`] at most.
/// After an outage of days a whole queue may end at once. Any number of processes may call this at the same time.
///
/// # Errors
///
/// [`LedgerError::Unavailable`] if the ledger did not answer; the next call does the rest.
pub async fn give_up(ledger: &Ledger, doorbell: &Doorbell) -> Result<(), LedgerError> {
    let start = Instant::now();
    while start.elapsed() < INTERVAL / 2 {
        let step = Instant::now();
        let given_up = ledger.give_up().await?;
        for job in given_up.jobs {
            tracing::warn!(job.id = %job, "a job made no progress for too long and was given up");
            doorbell.ring(Ring::Changed(job));
        }
        if !given_up.more {
            break;
        }
        // The pause is as long as the step, so other writers get their turn.
        tokio::time::sleep(step.elapsed()).await;
    }
    Ok(())
}
