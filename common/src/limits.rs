//! Fails the jobs whose time limit has passed. API and worker processes do so every few seconds while any job is
//! unfinished, so every job ends.

use std::time::{Duration, Instant};

use crate::doorbell::{Doorbell, Ring};
use crate::job_end;
use crate::ledger::{Ledger, LedgerError};

/// The interval at which a process looks for jobs whose time limit has passed.
// A job ends a few seconds after its time limit, which is minutes at least.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// The longest time between two looks at a ledger in which nothing can be due.
// Something is due earlier only if somebody changes the ledger's rows by hand.
pub const LONGEST: Duration = Duration::from_mins(1);

/// Fails the jobs whose time limit has passed, for half of the [`INTERVAL`] at most. Returns the time until the next
/// look: from [`INTERVAL`] to [`LONGEST`].
///
/// After an outage of days a whole queue may end at once. Any number of processes may call this at the same time.
///
/// # Errors
///
/// [`LedgerError::Unavailable`] if the ledger did not answer; the next call does the rest.
pub async fn give_up(ledger: &Ledger, doorbell: &Doorbell) -> Result<Duration, LedgerError> {
    let (start, mut quiet) = (Instant::now(), Duration::ZERO);
    while start.elapsed() < INTERVAL / 2 {
        let step = Instant::now();
        let given_up = ledger.give_up().await?;
        for job in given_up.jobs {
            tracing::warn!(job.id = %job, "a job made no progress for too long and was given up");
            doorbell.ring(Ring::Changed(job));
        }
        for end in &given_up.ended {
            job_end::report(end, None);
        }
        if !given_up.more {
            quiet = given_up.quiet;
            break;
        }
        // The pause is as long as the step, so other writers get their turn.
        tokio::time::sleep(step.elapsed()).await;
    }
    Ok(quiet.clamp(INTERVAL, LONGEST))
}
