//! The state of authentication.

use std::sync::Arc;

use lethe_common::clock::Clock;
use lethe_common::config::Config;
use lethe_common::ledger::Ledger;

use super::failures::Failures;
use super::issuers::Issuers;
use super::known::KnownKeys;
use crate::fingerprint::Fingerprints;
use crate::http::limits::pace::Pace;

/// The state of authentication. Clones are the same state.
#[derive(Clone)]
pub(crate) struct Auth(Arc<Shared>);

struct Shared {
    config: Arc<Config>,
    clock: Clock,
    known_keys: KnownKeys,
    issuers: Issuers,
    failures: Arc<Failures>,
    pace: Pace,
}

impl Auth {
    pub(crate) fn new(config: Arc<Config>, ledger: Ledger, clock: Clock, fingerprints: Fingerprints) -> Self {
        Self(Arc::new(Shared {
            known_keys: KnownKeys::new(ledger),
            issuers: Issuers::new(&config, fingerprints),
            failures: Arc::new(Failures::new(config.api.auth_failures_per_minute)),
            pace: Pace::new(config.api.requests_per_second),
            config,
            clock,
        }))
    }

    /// Drops the cached answers for this name, because a key was made, rotated or revoked.
    pub(crate) fn forget(&self, name: &str) {
        self.0.known_keys.forget(name);
    }

    /// Reads the published keys of issuers again and again. Never returns if an issuer publishes keys.
    pub(crate) async fn keep_fresh(&self) {
        self.0.issuers.keep_fresh().await;
    }

    pub(super) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn known_keys(&self) -> &KnownKeys {
        &self.0.known_keys
    }

    pub(super) fn issuers(&self) -> &Issuers {
        &self.0.issuers
    }

    pub(super) fn failures(&self) -> &Arc<Failures> {
        &self.0.failures
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.0.pace
    }
}
