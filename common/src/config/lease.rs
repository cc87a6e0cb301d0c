//! `[lease]`: how long work is held exclusively.

use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigErrors;
use super::text;

/// How long work is held exclusively.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// How long a claim lasts without being renewed; what a killed worker costs.
    #[serde(deserialize_with = "text::duration")]
    pub duration: Duration,
    /// How often a claim is renewed.
    #[serde(deserialize_with = "text::duration")]
    pub renew_every: Duration,
    /// After how many rescues without anything recorded in between a partition fails.
    pub rescues: u32,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            // Long enough for a store's timeout several times over, short enough to wait for.
            duration: Duration::from_secs(30),
            // Two renewals may fail before the lease is lost.
            renew_every: Duration::from_secs(10),
            rescues: 3,
        }
    }
}

impl Lease {
    pub(super) fn check(&self, store_timeout: Duration, errors: &mut ConfigErrors) {
        // A call is started only if its timeout fits into what is left of the lease.
        errors.require(
            self.duration >= store_timeout.saturating_mul(2),
            "lease.duration",
            "write at least twice worker.store_timeout",
        );
        errors.require(
            !self.renew_every.is_zero() && self.renew_every < self.duration.saturating_sub(store_timeout),
            "lease.renew_every",
            "write less than lease.duration minus worker.store_timeout, and more than 0s",
        );
        errors.require(self.rescues > 0, "lease.rescues", "write at least 1");
    }
}
