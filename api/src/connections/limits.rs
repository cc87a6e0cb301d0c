//! How many connections there may be, and how slow.

use std::time::Duration;

use lethe_common::config::Api;

/// For how many files beside connections a process needs room: the ledger's and the stores' connections, logs, databases.
const OTHER_FILES: u64 = 256;

/// How many connections there may be, and how slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections.
    pub connections: usize,
    /// Whether an address may hold no more of them than are free.
    pub by_address: bool,
    /// How long the head of a request may take from its first byte.
    pub head: Duration,
    /// How long a connection may stay on which nothing moves: no request comes, or no part of an answer is taken.
    pub idle: Duration,
}

impl Limits {
    /// Returns those of the API. Behind proxies all callers have their addresses.
    #[must_use]
    pub fn of(api: &Api) -> Self {
        Self {
            connections: api.max_connections,
            by_address: api.trusted_proxies == 0,
            head: api.header_timeout,
            idle: api.idle_timeout,
        }
    }

    /// Returns those of a port that few ask: probes, and who collects metrics.
    #[must_use]
    pub fn of_few() -> Self {
        Self {
            connections: 64,
            by_address: true,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
        }
    }

    /// Returns as many of them as the process may open files for, after it raised that number as far as it may.
    pub(super) fn within_files(self) -> Self {
        let wanted = self.connections as u64 + OTHER_FILES;
        match rlimit::increase_nofile_limit(wanted) {
            Ok(files) if files < wanted => {
                let room = files.saturating_sub(OTHER_FILES).max(files / 2).max(1);
                let connections = usize::try_from(room).map_or(self.connections, |room| room.min(self.connections));
                tracing::warn!(
                    files,
                    connections,
                    "the process may open too few files for all connections: raise its limit (`ulimit -n`, `LimitNOFILE`)"
                );
                Self { connections, ..self }
            }
            Ok(_) => self,
            Err(error) => {
                tracing::warn!(error = %error, "the number of files that may be open is not known");
                self
            }
        }
    }
}
