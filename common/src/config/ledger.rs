//! `[ledger]`: the database of Lethe's own state.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::check::{DATABASE_URL, is_database_url};
use super::error::ConfigErrors;
use super::tls::Tls;

/// The database of Lethe's own state.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// `postgres://…` or `sqlite://…`, or the content of `url_file`; absent: a file in the data directory.
    pub url: Option<SecretString>,
    /// The most connections one process opens, at least [`FEWEST`](Self::FEWEST) (a `sqlite://` file has one writer).
    pub max_connections: u32,
    /// Whether TLS verifies the server's name.
    pub tls: Option<Tls>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            url: None,
            // A worker's 8 slots, its claim loop and its sweeper; 10 processes stay within
            // PostgreSQL's default of 100.
            max_connections: 10,
            tls: None,
        }
    }
}

impl Ledger {
    /// The fewest connections with which everything works.
    pub const FEWEST: u32 = 2;

    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        let valid = self.url.as_ref().is_none_or(|url| is_database_url(url.expose_secret()));
        errors.require(valid, "ledger.url", DATABASE_URL);
        errors.require(
            self.max_connections >= Self::FEWEST,
            "ledger.max_connections",
            "write at least 2: the end of an upload reads on one connection while it writes on another",
        );
    }
}
