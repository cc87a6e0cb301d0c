//! Reporting records of partitions: metrics, the log, and rings (notifications) to waiting clients and idle workers.

use std::time::{Duration, Instant};

use lethe_common::doorbell::Ring;
use lethe_common::job::JobId;
use lethe_common::ledger::{After, Lease};
use lethe_common::metrics::{self, RetryClass};

use super::environment::Environment;
use crate::span::{self, About};

impl Environment {
    /// Reports a record. Forgets a lease that has ended.
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
                // A ring for every partition would make all idle workers query the ledger and find nothing.
                if *due {
                    self.doorbell.ring(Ring::Work);
                }
            }
            After::Lost => {
                metrics::retry(RetryClass::LeaseLost, None);
                self.leases.remove(lease.fence());
            }
            // A job of one partition has no work for idle workers.
            After::ReadBack { others, .. } => {
                if *others {
                    self.doorbell.ring(Ring::Work);
                }
            }
            // A batch is done in both stores, so they answer; the rest of the partition may take long.
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

    /// Notes that the stores of a target answer.
    pub(crate) fn answered(&self, target: &str) {
        if self.breakers.succeeded(target, self.caller(target)) {
            tracing::info!(target.name = span::target(target), "the target's stores answer again");
            self.shares.look_again();
        }
    }

    /// Lets another partition probe a target, if this one was a probe and learnt nothing about the stores.
    pub(crate) fn learnt_nothing(&self, target: &str) {
        let caller = self.caller(target);
        if self.breakers.learnt_nothing(target, caller, Instant::now()) {
            self.shares.look_again();
        }
    }

    /// Notifies the watchers of a job that it has changed, and may have ended.
    pub(crate) fn changed(&self, job: JobId) {
        self.doorbell.ring(Ring::Changed(job));
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
