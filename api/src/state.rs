//! The state that handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use lethe_common::clock::Clock;
use lethe_common::config::Config;
use lethe_common::doorbell::Doorbell;
use lethe_common::ledger::{Ledger, Queue};
use lethe_common::metrics::Metrics;
use lethe_common::receipt::keys::KeySet;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Auth;
use crate::fingerprint::Fingerprints;
use crate::history::History;
use crate::http::limits::backlog::Backlog;
use crate::http::limits::places::Places;
use crate::http::limits::remembered::Remembered;
use crate::http::problem::Problem;
use crate::known_holds::KnownHolds;
use crate::readiness::Seen;
use crate::readings::Readings;
use crate::refusals::Refusals;

/// The state that handlers share. Clones are the same state.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    config: Arc<Config>,
    ledger: Ledger,
    doorbell: Doorbell,
    metrics: Metrics,
    clock: Clock,
    auth: Auth,
    fingerprints: Fingerprints,
    backlog: Backlog,
    places: Places,
    readiness: Remembered<Seen>,
    queue: Remembered<Result<Queue, Problem>>,
    published_keys: Remembered<Result<KeySet, Problem>>,
    readings: Readings,
    history: History,
    known_holds: KnownHolds,
    refusals: Refusals,
    rescheduled: Notify,
    holds_changed: Notify,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl AppState {
    /// Returns the state of one API process; `clock` gives its time.
    pub fn new(config: Arc<Config>, ledger: Ledger, doorbell: Doorbell, metrics: Metrics, clock: Clock) -> Self {
        metrics.expose_api();
        let fingerprints = Fingerprints::new(ledger.clone());
        let tasks = TaskTracker::new();
        Self(Arc::new(Shared {
            places: Places::new(&config.api),
            readiness: Remembered::new(),
            queue: Remembered::new(),
            published_keys: Remembered::new(),
            readings: Readings::new(ledger.clone()),
            history: History::default(),
            known_holds: KnownHolds::new(ledger.clone()),
            refusals: Refusals::new(Arc::clone(&config), ledger.clone(), tasks.clone()),
            backlog: Backlog::new(&config.api),
            auth: Auth::new(Arc::clone(&config), ledger.clone(), clock.clone(), fingerprints.clone()),
            config,
            ledger,
            doorbell,
            metrics,
            clock,
            fingerprints,
            rescheduled: Notify::new(),
            holds_changed: Notify::new(),
            stopping: CancellationToken::new(),
            tasks,
        }))
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
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

    pub(crate) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// Returns the cache of the unfinished jobs of the service. Reading it counts all of them.
    pub(crate) fn queue(&self) -> &Remembered<Result<Queue, Problem>> {
        &self.0.queue
    }

    /// Returns the cache of the public keys of receipts. Everybody may ask for them.
    pub(crate) fn published_keys(&self) -> &Remembered<Result<KeySet, Problem>> {
        &self.0.published_keys
    }

    pub(crate) fn readings(&self) -> &Readings {
        &self.0.readings
    }

    pub(crate) fn history(&self) -> &History {
        &self.0.history
    }

    pub(crate) fn refusals(&self) -> &Refusals {
        &self.0.refusals
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

    /// Returns the cache of the last readiness check.
    pub(crate) fn readiness(&self) -> &Remembered<Seen> {
        &self.0.readiness
    }

    /// Returns the notification that a schedule was stored or resumed here: it may be due earlier than others.
    pub(crate) fn rescheduled(&self) -> &Notify {
        &self.0.rescheduled
    }

    /// Returns the cache of the holds in force, for warnings.
    pub(crate) fn known_holds(&self) -> &KnownHolds {
        &self.0.known_holds
    }

    /// Returns the notification that a hold has changed: jobs that it kept may go on.
    pub(crate) fn holds_changed(&self) -> &Notify {
        &self.0.holds_changed
    }

    /// Returns the token that shutdown cancels. Streams and waits then end early.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// Returns the tracker of tasks that outlive their requests.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }
}

impl FromRef<AppState> for Arc<Config> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(state.config())
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth().clone()
    }
}
