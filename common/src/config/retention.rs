//! `[retention]`: how long what was recorded about a job stays.

use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigErrors;
use super::text;

/// How long what was recorded about a job stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// How long after its end a job's ids and what it selects by are kept.
    #[serde(deserialize_with = "text::duration")]
    pub items: Duration,
    /// How long after its end the job itself is kept.
    #[serde(deserialize_with = "text::duration")]
    pub jobs: Duration,
    /// How long an idempotency key is remembered, at least.
    #[serde(deserialize_with = "text::duration")]
    pub idempotency: Duration,
    /// How long events of the audit trail are kept.
    #[serde(deserialize_with = "text::duration")]
    pub audit: Duration,
}

const DAY: Duration = Duration::from_hours(24);

impl Default for Retention {
    fn default() -> Self {
        Self {
            // One working day to look at what failed and to retry it.
            items: DAY,
            jobs: DAY * 30,
            // What callers' own retry queues usually take.
            idempotency: DAY,
            // What auditors look back on.
            audit: DAY * 365,
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
        // A key forgotten while its job can still be looked at and retried would accept it twice.
        errors.require(
            self.idempotency >= self.items.max(DAY),
            "retention.idempotency",
            "write at least 24h, and at least retention.items",
        );
        // A replay answers with the job, which must still be there.
        errors.require(
            self.idempotency <= self.jobs,
            "retention.idempotency",
            "write at most retention.jobs",
        );
    }
}
