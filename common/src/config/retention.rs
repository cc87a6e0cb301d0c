//! `[retention]`: the time that records of jobs are kept.

use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigErrors;
use super::text;

/// The time that records of jobs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// The time that a job's ids and selector are kept after its end.
    #[serde(deserialize_with = "text::duration")]
    pub items: Duration,
    /// The time that the job itself is kept after its end.
    #[serde(deserialize_with = "text::duration")]
    pub jobs: Duration,
    /// The least time that an idempotency key is remembered.
    #[serde(deserialize_with = "text::duration")]
    pub idempotency: Duration,
    /// The time that events of the audit trail are kept.
    #[serde(deserialize_with = "text::duration")]
    pub audit: Duration,
    /// The time that receipts are kept after the end of their jobs.
    #[serde(deserialize_with = "text::duration")]
    pub receipts: Duration,
}

const DAY: Duration = Duration::from_hours(24);

impl Default for Retention {
    fn default() -> Self {
        Self {
            // One working day to look at failures and to retry them.
            items: DAY,
            jobs: DAY * 30,
            // The usual span of callers' own retry queues.
            idempotency: DAY,
            // The usual span of audits.
            audit: DAY * 365,
            // Six years cover HIPAA (45 CFR 164.316(b)(2)) and most times of limitation.
            receipts: DAY * 2190,
        }
    }
}

impl Retention {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        errors.require(
            self.jobs >= self.items,
            "retention.jobs",
            "write at least retention.items",
        );
        // Without the key, a repeated request would be accepted twice while its job can still be read and retried.
        errors.require(
            self.idempotency >= self.items.max(DAY),
            "retention.idempotency",
            "write at least 24h, and at least retention.items",
        );
        errors.require(
            self.receipts >= self.jobs,
            "retention.receipts",
            "write at least retention.jobs",
        );
        // A replay answers with the job, so the job must still be there.
        errors.require(
            self.idempotency <= self.jobs,
            "retention.idempotency",
            "write at most retention.jobs",
        );
    }
}
