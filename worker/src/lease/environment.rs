//! The state that all tasks of a worker share.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use lethe_common::clock::Clock;
use lethe_common::config::Config;
use lethe_common::doorbell::Doorbell;
use lethe_common::job::StoreKind;
use lethe_common::ledger::{Fence, Ledger};
use lethe_common::metrics::{self, StoreCall};
use lethe_common::telemetry;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::leases::Leases;
use crate::health::Health;
use crate::holds::Holds;
use crate::store::StoreError;
use crate::targets::{Breakers, Mapped, Mappings, Shares, TrialRole};

/// The state that all tasks of a worker share.
#[derive(Clone)]
pub struct Environment {
    pub(crate) name: String,
    pub(crate) ledger: Ledger,
    pub(crate) doorbell: Doorbell,
    pub(crate) mappings: Arc<Mappings>,
    pub(crate) breakers: Arc<Breakers>,
    pub(crate) shares: Arc<Shares>,
    pub(crate) leases: Arc<Leases>,
    /// The holds that were read last.
    pub(crate) holds: Arc<Holds>,
    pub(crate) config: Arc<Config>,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Clock,
    /// The fences of this task's leases, as they were claimed; empty outside a task.
    pub(crate) watched: Arc<[Fence]>,
    /// The target that this task was claimed to probe, and the number of that trial. The trial may be over.
    pub(crate) probed: Option<(Arc<str>, u64)>,
}

impl Environment {
    /// Prepares a worker that uses `clock`, without connecting to any store.
    ///
    /// # Errors
    ///
    /// Fails if the URL of a store cannot be read.
    pub fn new(
        name: String,
        config: Arc<Config>,
        ledger: Ledger,
        doorbell: Doorbell,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let retry = &config.retry;
        Ok(Self {
            name,
            ledger,
            doorbell,
            mappings: Arc::new(Mappings::new(&config, config.worker.store_timeout)?),
            breakers: Arc::new(Breakers::new(
                retry.breaker_failures,
                retry.breaker_pause,
                retry.breaker_pause_cap,
            )),
            shares: Arc::new(Shares::new(config.worker.slots)),
            leases: Arc::default(),
            holds: Arc::default(),
            watched: Arc::default(),
            probed: None,
            health: Arc::new(Health::default()),
            clock,
            config,
        })
    }

    /// Returns the environment of a task that works under these leases.
    pub(crate) fn watching(&self, leases: &[Fence]) -> Self {
        Self {
            watched: leases.into(),
            ..self.clone()
        }
    }

    /// Returns the role of this task in the trials of a target's breaker.
    pub(crate) fn trial_role(&self, target: &str) -> TrialRole {
        match &self.probed {
            Some((probed, trial)) if **probed == *target => TrialRole::Probe(*trial),
            _ => TrialRole::Other,
        }
    }

    /// Returns the health of the worker, for the HTTP health checks.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Makes a store call in a span of its own and measures it. Fails unless the task's leases outlast its time limit.
    pub(crate) async fn call<T>(
        &self,
        mapped: &Mapped,
        store: StoreKind,
        call: StoreCall,
        future: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.outlast().await?;
        let target = &mapped.route.target;
        let span = tracing::debug_span!(
            "store.call",
            store = store.as_str(),
            operation = call.as_str(),
            target.name = target,
            outcome = Empty
        );
        if let Some(server) = mapped.server(store) {
            telemetry::calls(&span, server);
        }
        let start = Instant::now();
        let result = future.instrument(span.clone()).await;
        let took = start.elapsed();
        metrics::store_call(target, store, call, took);
        span.record(
            "outcome",
            result.as_ref().map_or_else(|error| error.code().as_str(), |_| "ok"),
        );
        span.in_scope(|| tracing::debug!(ms = took.as_secs_f64() * 1_000.0, "a store was called"));
        result
    }
}
