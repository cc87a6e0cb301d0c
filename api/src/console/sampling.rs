//! Samples the totals of the ledger for the plots.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::history::Sample;
use crate::state::AppState;

/// The time between two samples. A sample costs a read of some dozen rows.
const EVERY: Duration = Duration::from_secs(30);

/// Samples the totals again and again. Returns at once if the console is not served.
pub(crate) async fn sample(state: &AppState) {
    if !state.config().console.enabled {
        return;
    }
    state.ledger().migrated().await;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match state.ledger().totals().await {
            Ok(totals) => state.history().add(Sample::of(state.clock().now(), &totals)),
            // The plot has a gap then.
            Err(error) => tracing::debug!(error = %error, "the totals could not be read for the console"),
        }
    }
}
