//! `[lease]`: the exclusive right to a partition, and its times.

use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigErrors;
use super::text;

/// The times of leases, and the limit of rescues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// The time until a lease expires without renewal: the delay after a worker was killed.
    #[serde(deserialize_with = "text::duration")]
    pub duration: Duration,
    /// The interval of renewals: `renew_every` + 2 × `worker.store_timeout` must fit into `duration`. A due renewal
    /// waits for the running store call, and the rest of the lease then has to outlast one more call.
    #[serde(deserialize_with = "text::duration")]
    pub renew_every: Duration,
    /// The number of rescues, without a record in between, after which a partition fails.
    pub rescues: u32,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            // Several times a store's time limit, and still a short wait.
            duration: Duration::from_secs(30),
            // Two renewals may fail before the lease is lost.
            renew_every: Duration::from_secs(10),
            rescues: 3,
        }
    }
}

impl Lease {
    pub(super) fn check(&self, store_timeout: Duration, errors: &mut ConfigErrors) {
        // A call begins only if its time limit fits into the rest of the lease; the worker checks that before each
        // call. One call may still run when a renewal becomes due. The next call has to fit beside it, in case the
        // ledger answers late.
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
