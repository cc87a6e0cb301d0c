//! Reporting the end of a job. The process whose transaction ended it reports it, once.

use std::time::Duration;

use crate::ledger::JobEnd;
use crate::metrics;
use crate::telemetry::unless_in_span;

/// Counts and logs the end of a job. `trace` is the trace of the job's request, if the caller knows it.
pub fn report(end: &JobEnd, trace: Option<&str>) {
    let duration = Duration::from_millis(u64::try_from(end.duration_ms).unwrap_or(0));
    metrics::job_ended(duration);
    tracing::info!(
        job.id = unless_in_span("job.id", display(end.id)),
        job.state = end.state.as_str(),
        duration_ms = end.duration_ms,
        trace,
        "a job has ended"
    );
}
