//! The options of the ledger.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::Config;

/// The options with which a process opens the ledger.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// `postgres://…` or `sqlite://path`.
    pub url: SecretString,
    /// The most connections of this process, at least two. On SQLite: its readers, at most four, beside one writer.
    pub max_connections: u32,
    /// The duration of a lease.
    pub lease: Duration,
    /// The most further rounds that reading back may start.
    pub max_rounds: u32,
    /// The time without progress after which a job fails: [`Ledger::give_up`](super::Ledger::give_up).
    pub give_up_after: Duration,
    /// The number of leases of an unreadable partition that may expire before it fails.
    pub rescues: u32,
    /// The time before its deadline from which a job is due soon.
    pub due_soon: Duration,
}

impl From<&Config> for LedgerOptions {
    /// Takes the settings of a process. Without a configured URL `url` is empty: the caller sets the path of a file.
    fn from(config: &Config) -> Self {
        Self {
            url: config.ledger.url.clone().unwrap_or_default(),
            max_connections: config.ledger.max_connections,
            lease: config.lease.duration,
            max_rounds: config.retry.rounds,
            give_up_after: config.retry.give_up_after,
            rescues: config.lease.rescues,
            due_soon: config.deadlines.soon,
        }
    }
}
