//! The span of the work on partitions, and what lines inside of it need not repeat.
//!
//! Fields are ids of jobs, names of the configuration and words of closed lists. What a partition is about, a memory or
//! a person, is in no field. A collector finds a job's lines by `job.id`, of the line or of its span.

use lethe_common::job::JobId;
use lethe_common::ledger::{Fence, Lease};
use lethe_common::telemetry::unless_in_span;
use tracing::Span;
use tracing::field::{DisplayValue, display};

/// Returns the span of the work on a group: a partition, or several small ones of one route and kind.
pub(crate) fn of(group: &[Lease]) -> Span {
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
    // Mostly of as many jobs: each line says which it is about.
    tracing::info_span!(
        "erase.partition",
        partitions = group.len(),
        target.name = route.target,
        table = route.table,
        kind,
    )
}

/// What a line says of a partition: what the span around it does not.
pub(crate) struct About<'a> {
    pub(crate) job: Option<DisplayValue<JobId>>,
    pub(crate) partition: Option<i64>,
    pub(crate) target: Option<&'a str>,
    pub(crate) table: Option<&'a str>,
}

impl<'a> About<'a> {
    /// Returns what a line inside of the present span says of a partition.
    pub(crate) fn lease(lease: &'a Lease) -> Self {
        let route = &lease.route;
        Self {
            target: target(&route.target),
            table: unless_in_span("table", route.table.as_str()),
            ..Self::fence(lease.fence())
        }
    }

    /// Returns the same of a partition whose lease is not at hand.
    pub(crate) fn fence(fence: Fence) -> Self {
        Self {
            job: unless_in_span("job.id", display(fence.job)),
            partition: unless_in_span("partition", fence.ordinal),
            target: None,
            table: None,
        }
    }
}

/// Returns what a line says of the target.
pub(crate) fn target(name: &str) -> Option<&str> {
    unless_in_span("target.name", name)
}
