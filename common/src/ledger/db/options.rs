//! How the ledger is opened.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::Config;

/// How the ledger is opened.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// `postgres://…` or `sqlite://path`.
    pub url: SecretString,
    /// The most connections this process opens, at least two.
    pub max_connections: u32,
    /// How long a lease lasts.
    pub lease: Duration,
    /// How many further rounds reading back may start.
    pub max_rounds: u32,
    /// After how long without progress a job fails: [`Ledger::give_up`](super::Ledger::give_up).
    pub give_up_after: Duration,
    /// How many leases of a partition that cannot be read may run out before it fails.
    pub rescues: u32,
}

impl From<&Config> for LedgerOptions {
    /// Takes the settings of a process. Without a configured URL the ledger is a file whose place the caller knows.
    fn from(config: &Config) -> Self {
        Self {
            url: config.ledger.url.clone().unwrap_or_default(),
            max_connections: config.ledger.max_connections,
            lease: config.lease.duration,
            max_rounds: config.retry.rounds,
            give_up_after: config.retry.give_up_after,
            rescues: config.lease.rescues,
        }
    }
}
