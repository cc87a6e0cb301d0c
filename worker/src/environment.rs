//! What every task of a worker shares.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use lethe_common::config::Config;
use lethe_common::doorbell::Doorbell;
use lethe_common::job::StoreKind;
use lethe_common::ledger::{Lease, Ledger};
use lethe_common::metrics::{self, StoreCall};

use crate::breaker::Breakers;
use crate::health::Health;
use crate::keep::Leases;
use crate::mapped::{Mapped, Mappings};
use crate::store::StoreError;

/// What every task of a worker shares.
pub struct Environment {
    pub(crate) name: String,
    pub(crate) ledger: Ledger,
    pub(crate) doorbell: Doorbell,
    pub(crate) mappings: Mappings,
    pub(crate) breakers: Breakers,
    pub(crate) leases: Leases,
    pub(crate) config: Arc<Config>,
    pub(crate) health: Arc<Health>,
}

impl Environment {
    /// Prepares a worker, without connecting to any store.
    ///
    /// # Errors
    ///
    /// Fails if the URL of a store cannot be read.
    pub fn new(name: String, config: Arc<Config>, ledger: Ledger, doorbell: Doorbell) -> Result<Self, StoreError> {
        let retry = &config.retry;
        Ok(Self {
            name,
            ledger,
            doorbell,
            mappings: Mappings::new(&config, config.worker.store_timeout)?,
            breakers: Breakers::new(retry.breaker_failures, retry.breaker_pause, retry.breaker_pause_cap),
            leases: Leases::default(),
            health: Arc::new(Health::default()),
            config,
        })
    }

    /// Returns how the worker is, for those who ask it over HTTP.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Returns which of these memories the job has found changed.
    ///
    /// # Errors
    ///
    /// An outage, if the ledger does not answer: the batch is tried again.
    pub(crate) async fn conflicted(&self, lease: &Lease, ids: &[String]) -> Result<HashSet<String>, StoreError> {
        let asked = self.insist(std::slice::from_ref(lease), || self.ledger.conflicted(lease, ids));
        asked.await.ok_or_else(StoreError::timed_out)
    }

    /// Makes a call to a store, and measures it.
    pub(crate) async fn call<T>(
        &self,
        mapped: &Mapped,
        store: StoreKind,
        call: StoreCall,
        future: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let result = future.await;
        metrics::store_call(&mapped.route.target, store, call, start.elapsed());
        result
    }
}
