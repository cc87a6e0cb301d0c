//! Rounds again and again: about once a second while there is something to do, and none while there is not.

use std::convert::Infallible;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use lethe_common::config::Config;
use lethe_common::doorbell::{Doorbell, Listener, Ring};
use lethe_common::ledger::Ledger;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::round::{Done, SequenceError, Sequencer};

/// The time after which a process looks again for a leader that is gone.
// Half of the lease.
const FOLLOW: Duration = Duration::from_secs(5);

/// The time after which a round that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// The time limit for giving the lease back at the end.
const LEAVE: Duration = Duration::from_secs(1);

/// Who notices endings of other processes whose rings were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// The look for due schedules, which every api has ([`Ledger::next_schedule`]).
    OfSchedules,
    /// The sequencer itself.
    Own,
}

impl Looks {
    /// Returns the longest time between two looks of the sequencer itself.
    fn every(self) -> Duration {
        match self {
            Self::OfSchedules => Duration::from_mins(5),
            // As often as an api looks for schedules.
            Self::Own => Duration::from_secs(5),
        }
    }
}

/// Runs a sequencer until `stop`.
pub async fn run(config: Arc<Config>, ledger: Ledger, doorbell: Doorbell, looks: Looks, stop: CancellationToken) {
    let pace = config.receipts.pace;
    let mut sequencer = Sequencer::new(config, ledger.clone());
    let rounds = async {
        ledger.migrated().await;
        rounds(&mut sequencer, &ledger, doorbell.subscribe(), pace, looks.every()).await
    };
    stop.run_until_cancelled(rounds).await;
    timeout(LEAVE, sequencer.leave()).await.ok();
}

/// Runs rounds for ever.
async fn rounds(
    sequencer: &mut Sequencer,
    ledger: &Ledger,
    mut rings: Listener,
    pace: Duration,
    look: Duration,
) -> Infallible {
    let mut failing = false;
    loop {
        let begun = Instant::now();
        // The round looks at everything.
        rings.skip();
        let done = sequencer.round().await;
        let failed = done.is_err();
        match done {
            Ok(Done::Some) => {}
            Ok(Done::All) => sleep_until(begun + pace).await,
            Ok(Done::Followed) => sleep(FOLLOW).await,
            Ok(Done::Nothing) => {
                tokio::select! {
                    () = changed(&mut rings) => {}
                    () = ledger.log_woken() => {}
                    () = sleep(look) => {}
                }
                sleep_until(begun + pace).await;
            }
            Err(error) => {
                if !failing {
                    warn(&error);
                }
                sleep(AGAIN).await;
            }
        }
        failing = failed;
    }
}

/// Logs the first failure of several in a row.
fn warn(error: &SequenceError) {
    match error {
        // The process reports an outage of the ledger by itself.
        SequenceError::Ledger(error) if error.is_transient() => {
            tracing::debug!(ledger.sqlstate = error.sqlstate(), error = %error, "the log waits for the ledger");
        }
        SequenceError::Ledger(error) => tracing::error!(
            ledger.sqlstate = error.sqlstate(),
            error = %error,
            "receipts and audit events get no place in the log: the ledger did not take a step"
        ),
        SequenceError::Key(error) => tracing::error!(
            error = %error,
            cause = error.source().map(ToString::to_string),
            "receipts and audit events get no place in the log: a key cannot be used"
        ),
    }
}

/// Waits until a job may have ended.
///
/// # Cancel safety
///
/// Dropping the future loses at most rings, which the next round replaces.
async fn changed(rings: &mut Listener) {
    while !matches!(rings.recv().await, Ring::Changed(_) | Ring::Everything) {}
}
