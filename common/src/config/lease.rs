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
    /// How often a claim is renewed: `renew_every` + 2 × `worker.store_timeout` must fit into `duration`. A renewal
    /// that is due waits for the call to a store that runs, and what is left then has to outlast one more call.
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
        // A call begins only if its timeout fits into what is left of the lease. Before each one the worker looks at
        // the lease. So one call may be on its way when a renewal becomes due, and the next one has to fit beside it,
        // should the ledger take its time.
        let calls = store_timeout.saturating_mul(2);
        let is_long = self.duration > calls;
        errors.require(is_long, "lease.duration", "write more than twice worker.store_timeout");
        errors.require(
            !self.renew_every.is_zero() && (!is_long || self.renew_every <= self.duration.saturating_sub(calls)),
            "lease.renew_every",
            "write at most lease.duration minus twice worker.store_timeout, and more than 0s; \
             or make lease.duration longer, or worker.store_timeout shorter",
        );
        errors.require(self.rescues > 0, "lease.rescues", "write at least 1");
    }
}
