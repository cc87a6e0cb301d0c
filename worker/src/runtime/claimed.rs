//! Counting and logging what a claim changes: jobs that start, and partitions that are taken over from other workers.

use std::collections::HashSet;
use std::time::Duration;

use lethe_common::ledger::Lease;
use lethe_common::metrics::{self, RetryClass};

/// Counts and logs the starts and the takeovers of a claim.
pub(super) fn note(leases: &[Lease]) {
    let mut started = HashSet::new();
    for lease in leases {
        let job = &lease.job;
        // The partitions of a job that are claimed together share its facts.
        if job.first && started.insert(job.id) {
            let waited = u64::try_from(job.waited_ms).unwrap_or(0);
            metrics::queue_wait(Duration::from_millis(waited));
            tracing::info!(
                job.id = %job.id,
                attempt = job.attempt,
                waited_ms = job.waited_ms,
                trace = job.trace,
                "a job has started"
            );
        }
        if lease.taken_over {
            metrics::retry(RetryClass::Rescue, None);
            tracing::warn!(
                job.id = %job.id,
                partition = lease.ordinal,
                target.name = lease.route.target,
                table = lease.route.table,
                rescues = lease.rescues,
                "a partition was taken over: the lease of its last worker had expired"
            );
        }
    }
}
