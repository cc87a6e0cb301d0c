//! `[worker]`: the concurrency, the batches and the time limits of a worker process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigErrors;
use super::server_tls::ServerTls;
use super::text::{self, NAME, is_name};

/// The largest batch: an intent lists its ids, and one statement binds them.
const MAX_BATCH: u32 = 10_000;

/// The concurrency, the batches and the time limits of a worker process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Worker {
    /// The address of the worker's health and metrics; port 0 takes any free one.
    #[serde(deserialize_with = "text::address")]
    pub listen: SocketAddr,
    /// The number of partitions in progress at a time.
    pub slots: usize,
    /// The interval of looks into the ledger without a ring (a notification); jittered.
    #[serde(deserialize_with = "text::duration")]
    pub poll: Duration,
    /// The most memories in one batch.
    pub batch: u32,
    /// The time that begun work may take after a signal to stop.
    #[serde(deserialize_with = "text::duration")]
    pub drain: Duration,
    /// The time limit of one call to a store.
    #[serde(deserialize_with = "text::duration")]
    pub store_timeout: Duration,
    /// The name in the ledger and in logs; absent: made of host, process and random digits.
    pub name: Option<String>,
    /// The certificate of the worker's port. Absent: plain HTTP.
    pub tls: Option<ServerTls>,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7879)),
            // As many connections to a target as `sql.max_connections`.
            slots: 8,
            // The longest delay after a lost ring.
            poll: Duration::from_secs(1),
            // About 50 ms on a SQLite file. Elsewhere the round trips of a few calls.
            batch: 1_000,
            // Below the 30 s that Kubernetes grants before it kills.
            drain: Duration::from_secs(25),
            // Three calls and a renewal fit into a lease of 30 s.
            store_timeout: Duration::from_secs(8),
            name: None,
            tls: None,
        }
    }
}

impl Worker {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        let more = "write more than 0s";
        errors.require(self.slots > 0, "worker.slots", "write at least 1");
        errors.require(!self.poll.is_zero(), "worker.poll", more);
        errors.require(
            (1..=MAX_BATCH).contains(&self.batch),
            "worker.batch",
            "write a number from 1 to 10000",
        );
        errors.require(!self.store_timeout.is_zero(), "worker.store_timeout", more);
        errors.require(self.name.as_deref().is_none_or(is_name), "worker.name", NAME);
    }
}
