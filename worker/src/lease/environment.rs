//! What every task of a worker shares.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use lethe_common::clock::Clock;
use lethe_common::config::Config;
use lethe_common::doorbell::Doorbell;
use lethe_common::job::StoreKind;
use lethe_common::ledger::{Fence, Ledger};
use lethe_common::metrics::{self, StoreCall};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::leases::Leases;
use crate::health::Health;
use crate::store::StoreError;
use crate::targets::{Breakers, Mapped, Mappings, Shares};

/// What every task of a worker shares.
#[derive(Clone)]
pub struct Environment {
    pub(crate) name: String,
    pub(crate) ledger: Ledger,
    pub(crate) doorbell: Doorbell,
    pub(crate) mappings: Arc<Mappings>,
    pub(crate) breakers: Arc<Breakers>,
    pub(crate) shares: Arc<Shares>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) config: Arc<Config>,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Clock,
    /// The leases under which a task works, as they were claimed; none where nothing is worked on.
    pub(crate) watched: Arc<[Fence]>,
}

impl Environment {
    /// Prepares a worker that goes by `clock`, without connecting to any store.
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
            watched: Arc::default(),
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

    /// Returns how the worker is, for those who ask it over HTTP.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Makes a call to a store in a span of its own, and measures it, unless the leases of the task do not last as long as the call may take.
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
