//! Telling the world what happened to partitions: metrics, the log, and whoever waits for a job or for work.

use std::time::{Duration, Instant};

use lethe_common::doorbell::Ring;
use lethe_common::job::JobId;
use lethe_common::ledger::{After, Lease};
use lethe_common::metrics::{self, RetryClass};

use super::environment::Environment;
use crate::span::{self, About};

impl Environment {
    /// Tells the world what was recorded. A lease that has ended is forgotten.
    pub(crate) fn observe(&self, lease: &Lease, after: &After) {
        match after {
            After::JobEnded { state, duration_ms } => {
                metrics::job_ended(millis(*duration_ms));
                tracing::info!(
                    job.id = About::lease(lease).job,
                    job.state = state.as_str(),
                    duration_ms,
                    trace = lease.job.trace,
                    "a job has ended"
                );
                self.leases.remove(lease.fence());
            }
            After::Ended { due } => {
                self.leases.remove(lease.fence());
                // Rung for every partition, every idle worker would look each time, and find nothing.
                if *due {
                    self.doorbell.ring(Ring::Work);
                }
            }
            After::Lost => {
                metrics::retry(RetryClass::LeaseLost, None);
                self.leases.remove(lease.fence());
            }
            // A job of one partition has no others: nobody idle is to look for them.
            After::ReadBack { others, .. } => {
                if *others {
                    self.doorbell.ring(Ring::Work);
                }
            }
            // A batch is done in both stores; the rest of the partition may take long.
            After::Continue { .. } => self.answered(&lease.route.target),
            After::Refused => {}
        }
        match after {
            After::JobEnded { .. } | After::Lost | After::Refused => self.changed(lease.job.id),
            After::Continue { .. } | After::Ended { .. } | After::ReadBack { .. } => {
                self.doorbell.ring(Ring::Progress(lease.job.id));
            }
        }
    }

    /// Notes that the stores of a target did what they were asked.
    pub(crate) fn answered(&self, target: &str) {
        if self.breakers.succeeded(target) {
            tracing::info!(target.name = span::target(target), "the target's stores answer again");
            self.shares.look_again();
        }
    }

    /// Lets another partition probe a target if this one was a probe and learnt nothing of the stores.
    pub(crate) fn learnt_nothing(&self, target: &str) {
        if self.breakers.learnt_nothing(target, Instant::now()) {
            self.shares.look_again();
        }
    }

    /// Tells those who watch a job that it has changed, and may have ended.
    pub(crate) fn changed(&self, job: JobId) {
        self.doorbell.ring(Ring::Changed(job));
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
