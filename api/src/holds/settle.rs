//! Queueing jobs again after a hold was released, has expired or was replaced, in every api process.
//!
//! The processes need no coordination: the ledger locks the hold during a look, and queues each job once. If a process
//! dies in between, another one, or this one later, finds the rest. The loop of the schedules notices it
//! (`schedules/fire.rs`).

use std::time::Duration;

use lethe_common::ledger::LedgerError;
use tokio::time::sleep;

use super::checked::MOST;
use crate::job::changed;
use crate::state::AppState;

/// The most steps without a job of one call: two for each hold. Jobs that the ledger cannot queue must not keep a
/// processor busy.
const MOST_IDLE: u64 = 2 * MOST;

/// The time between two looks for released holds whose retention has passed, if no hold changes.
const FORGET: Duration = Duration::from_hours(1);

/// The time between two looks after a change.
const AGAIN: Duration = Duration::from_secs(1);

/// The number of these looks. A worker that has read a hold before its release may record a held job some seconds
/// later. If that was the last hold, the loop of the schedules looks only every five seconds.
const LOOKS: u32 = 10;

/// Queues jobs again after each change of a hold, and forgets old holds, for ever.
pub(crate) async fn run(state: &AppState) {
    let (mut looks, mut has_failed) = (0_u32, false);
    loop {
        if let Err(error) = state.ledger().forget_holds(state.config().retention.audit).await {
            tracing::debug!(ledger.sqlstate = error.sqlstate(), error = %error, "old holds could not be deleted");
        }
        let wait = if looks > 0 { AGAIN } else { FORGET };
        looks = tokio::select! {
            () = state.holds_changed().notified() => LOOKS,
            () = sleep(wait) => looks.saturating_sub(1),
        };
        let settled = settle(state).await;
        // The holds stay unsettled, so the next look begins within a second. The log has one line until one succeeds.
        if let Err(error) = &settled
            && !has_failed
        {
            tracing::warn!(
                ledger.sqlstate = error.sqlstate(), error = %error, "jobs of a changed hold could not be queued again"
            );
        }
        has_failed = settled.is_err();
    }
}

/// Queues the jobs of all changed holds again.
async fn settle(state: &AppState) -> Result<(), LedgerError> {
    let (mut after, mut idle) = (None, 0);
    while idle < MOST_IDLE {
        let settled = state.ledger().settle_holds(after).await?;
        for &id in &settled.requeued {
            tracing::info!(job.id = %id, "a job goes on: a hold that kept its memories has changed");
            changed::ring(state, id);
        }
        idle = if settled.requeued.is_empty() { idle + 1 } else { 0 };
        if !settled.more {
            break;
        }
        after = settled.after;
    }
    Ok(())
}
