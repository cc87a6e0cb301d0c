//! Waiting for a job to change: woken by the doorbell, and once a second in case a ring was lost.

use std::time::Duration;

use lethe_common::doorbell::Listener;
use lethe_common::job::JobId;
use tokio::time::{Instant, sleep_until, timeout};

use crate::app::AppState;

/// What a lost ring costs at most.
const POLL: Duration = Duration::from_secs(1);

/// The least time between two looks: a large job changes many times a second.
const REST: Duration = Duration::from_millis(50);

/// Waits for a job to change.
pub(crate) struct Watch {
    id: JobId,
    rings: Listener,
    rested: Instant,
}

impl Watch {
    /// Begins to listen. What changes after this is heard, so look at the job only then.
    pub(crate) fn new(state: &AppState, id: JobId) -> Self {
        Self {
            id,
            rings: state.doorbell().subscribe(),
            rested: Instant::now(),
        }
    }

    /// Waits until the job may have changed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses at most a ring, which costs a second.
    pub(crate) async fn changed(&mut self) {
        let heard = async { while !self.rings.recv().await.concerns(self.id) {} };
        // Nobody rang: look all the same.
        if timeout(POLL, heard).await.is_ok() {
            sleep_until(self.rested).await;
        }
        self.rested = Instant::now() + REST;
    }
}
