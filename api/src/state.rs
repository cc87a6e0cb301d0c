//! What handlers share.

use std::sync::Arc;

use lethe_common::clock::Clock;
use lethe_common::config::Config;
use lethe_common::doorbell::Doorbell;
use lethe_common::ledger::Ledger;
use lethe_common::metrics::Metrics;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{Failures, Issuers, KnownKeys};
use crate::fingerprint::Fingerprints;
use crate::http::limits::backlog::Backlog;
use crate::http::limits::pace::Pace;
use crate::http::limits::places::Places;

/// What handlers share. Clones are the same state.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    config: Arc<Config>,
    ledger: Ledger,
    doorbell: Doorbell,
    metrics: Metrics,
    clock: Clock,
    known_keys: KnownKeys,
    issuers: Issuers,
    failures: Failures,
    pace: Pace,
    fingerprints: Fingerprints,
    backlog: Backlog,
    places: Places,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl AppState {
    /// Returns the state of one API process.
    pub fn new(config: Arc<Config>, ledger: Ledger, doorbell: Doorbell, metrics: Metrics) -> Self {
        metrics.expose_api();
        Self(Arc::new(Shared {
            places: Places::new(config.api.max_uploads, config.api.max_streams),
            backlog: Backlog::new(config.api.max_queue),
            issuers: Issuers::new(&config),
            failures: Failures::new(config.api.auth_failures_per_minute),
            pace: Pace::new(config.api.requests_per_second),
            config,
            ledger,
            doorbell,
            metrics,
            clock: Clock::system(),
            known_keys: KnownKeys::new(),
            fingerprints: Fingerprints::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    pub(crate) fn doorbell(&self) -> &Doorbell {
        &self.0.doorbell
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn known_keys(&self) -> &KnownKeys {
        &self.0.known_keys
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.0.issuers
    }

    pub(crate) fn failures(&self) -> &Failures {
        &self.0.failures
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.0.pace
    }

    pub(crate) fn fingerprints(&self) -> &Fingerprints {
        &self.0.fingerprints
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.0.backlog
    }

    pub(crate) fn places(&self) -> &Places {
        &self.0.places
    }

    /// Returned once the process is to end: streams and waits end early.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// What goes on after its request has gone.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }
}
