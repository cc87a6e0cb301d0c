//! Reporting records of partitions: metrics, the log, and rings (notifications) to waiting clients and idle workers.

use std::time::Instant;

use lethe_common::doorbell::Ring;
use lethe_common::job::JobId;
use lethe_common::job_end;
use lethe_common::ledger::{After, JobEnd, Lease};
use lethe_common::metrics::{self, RetryClass};
use lethe_common::telemetry::unless_in_span;

use super::environment::Environment;
use crate::span;

impl Environment {
    /// Reports a record. Forgets a lease that has ended.
    pub(crate) fn observe(&self, lease: &Lease, after: &After) {
        match after {
            After::JobEnded { state, duration_ms } => {
                let end = JobEnd {
                    id: lease.job.id,
                    state: *state,
                    duration_ms: *duration_ms,
                };
                if state.is_ended() {
                    job_end::report(&end, lease.job.trace.as_deref());
                } else {
                    tracing::info!(
                        job.id = unless_in_span("job.id", display(end.id)),
                        "holds keep memories of a job"
                    );
                }
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
        if self.breakers.succeeded(target, self.trial_role(target)) {
            tracing::info!(target.name = span::target(target), "the target's stores answer again");
            self.shares.look_again();
        }
    }

    /// Lets another partition probe a target, if this one was a probe and learnt nothing about the stores.
    pub(crate) fn learnt_nothing(&self, target: &str) {
        let role = self.trial_role(target);
        if self.breakers.learnt_nothing(target, role, Instant::now()) {
            self.shares.look_again();
        }
    }

    /// Reports jobs that ended without a record of a partition, and notifies their watchers.
    pub(crate) fn ended(&self, jobs: &[JobEnd]) {
        for end in jobs {
            job_end::report(end, None);
            self.changed(end.id);
        }
    }

    /// Notifies the watchers of a job that it has changed, and may have ended.
    pub(crate) fn changed(&self, job: JobId) {
        self.doorbell.ring(Ring::Changed(job));
    }
}
