//! The limits of connections: their number and their times.

use std::time::Duration;

use lethe_common::config::Api;

/// The open files that a process needs beside these connections: to the ledger and the stores, for logs and databases.
const OTHER_FILES: u64 = 256;

/// The limits of connections: their number and their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections.
    pub connections: usize,
    /// Whether one address may hold only as many connections as are free.
    pub by_address: bool,
    /// The time limit for the head of a request, from its first byte.
    pub head: Duration,
    /// The time after which an idle connection is closed: without a request, or while no part of an answer is taken.
    pub idle: Duration,
}

impl Limits {
    /// Returns the limits of the API. Behind proxies all callers share addresses, so there is no limit per address.
    #[must_use]
    pub fn of(api: &Api) -> Self {
        Self {
            connections: api.max_connections,
            by_address: api.trusted_proxies == 0,
            head: api.header_timeout,
            idle: api.idle_timeout,
        }
    }

    /// Returns the limits of a port for probes and metrics scrapers.
    #[must_use]
    pub fn of_few() -> Self {
        Self {
            connections: 64,
            by_address: true,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
        }
    }

    /// Raises the process' limit of open files as far as it may, and returns as many connections as fit into it.
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
                tracing::warn!(error = %error, "the limit of open files cannot be read");
                self
            }
        }
    }
}
