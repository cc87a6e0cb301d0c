//! The span of the work on partitions, and the fields that log lines inside it need not repeat.
//!
//! Fields are job ids, names of the configuration and words of closed lists. No field names a memory or a person. A
//! collector finds a job's lines by `job.id`, of the line or of its span.

use lethe_common::job::JobId;
use lethe_common::ledger::{Fence, Lease};
use lethe_common::telemetry::{self, TraceContext, unless_in_span};
use tracing::Span;
use tracing::field::{DisplayValue, display};

/// Returns the span of the work on a group, linked to the requests of its jobs.
pub(crate) fn of(group: &[Lease]) -> Span {
    let span = unlinked(group);
    let requests = group
        .iter()
        .filter_map(|lease| lease.job.trace.as_deref()?.parse::<TraceContext>().ok());
    for request in requests {
        telemetry::link(&span, request);
    }
    span
}

/// Returns the span of a group: a partition, or several small ones of one route and kind.
fn unlinked(group: &[Lease]) -> Span {
    let Some(first) = group.first() else {
        return Span::none();
    };
    let (route, kind) = (&first.route, first.kind.as_str());
    if let [lease] = group {
        return tracing::info_span!(
            "erase.partition",
            job.id = %lease.job.id,
            partition = lease.ordinal,
            target.name = route.target,
            table = route.table,
            kind,
            attempt = u64::from(lease.failures) + u64::from(lease.rescues) + 1,
        );
    }
    // The partitions mostly belong to different jobs: each line names its job.
    tracing::info_span!(
        "erase.partition",
        partitions = group.len(),
        target.name = route.target,
        table = route.table,
        kind,
    )
}

/// The fields of a log line about a partition, without those of the span around it.
pub(crate) struct About<'a> {
    pub(crate) job: Option<DisplayValue<JobId>>,
    pub(crate) partition: Option<i64>,
    pub(crate) target: Option<&'a str>,
    pub(crate) table: Option<&'a str>,
}

impl<'a> About<'a> {
    /// Returns the fields of a partition that the present span lacks.
    pub(crate) fn lease(lease: &'a Lease) -> Self {
        let route = &lease.route;
        Self {
            target: target(&route.target),
            table: unless_in_span("table", route.table.as_str()),
            ..Self::fence(lease.fence())
        }
    }

    /// Returns the same fields when only the fence of the partition is known.
    pub(crate) fn fence(fence: Fence) -> Self {
        Self {
            job: unless_in_span("job.id", display(fence.job)),
            partition: unless_in_span("partition", fence.ordinal),
            target: None,
            table: None,
        }
    }
}

/// Returns the target's name, unless the present span has it.
pub(crate) fn target(name: &str) -> Option<&str> {
    unless_in_span("target.name", name)
}
