//! What is measured: the only module that names a metric.
//!
//! Two kinds, kept apart: what this process saw (`process`, through the recorder) and how the
//! service stands ([`Service`], read from the ledger at each scrape and rendered from it). Nothing
//! here decides anything, and no label may hold an id of a memory, an owner or a path.

mod authentication;
mod connections;
mod names;
mod process;
mod service;
#[cfg(test)]
mod tests;
mod text;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_process::Collector;

use crate::config::{Config, Target};
use crate::error_code::ErrorCode;
use crate::job::StoreKind;

pub use authentication::{AuthFailure, authentication_failed};
pub use connections::{Crowded, connection_closed, connection_opened, turned_away};
pub use process::{
    Dependency, RetryClass, StoreCall, attempt, breaker, claimed, dependency, doorbell_failed, doorbell_miss,
    doorbell_received, doorbell_sent, http_request, in_progress, job_ended, queue_wait, retry, store_call,
};
pub use service::{LARGEST, Service};

/// How often samples of histograms are folded into their buckets, so that a process which nobody
/// scrapes does not keep them all.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics of this process.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    process: Collector,
    stores: Arc<[(String, StoreKind)]>,
}

impl Metrics {
    /// Starts measuring, with every series that an api and a worker share at 0.
    ///
    /// A second call in the same process (tests run an api beside a worker) shares the first
    /// one's recorder.
    pub fn install(config: &Config) -> Self {
        // The `metrics` crate knows one recorder per process: this is its other end.
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = INSTALLED.get_or_init(|| {
            let recorder = recorder();
            let handle = recorder.handle();
            // Another recorder can only have been set by a test of its own; it then sees the values.
            drop(metrics::set_global_recorder(recorder));
            handle
        });
        Self::with(handle.clone(), config)
    }

    fn with(handle: PrometheusHandle, config: &Config) -> Self {
        let process = Collector::new("");
        process.describe();
        names::describe();
        let stores = config.targets.iter().flat_map(stores).collect();
        process::expose_shared(config.doorbell.url.is_some());
        connections::expose();
        Self {
            handle,
            process,
            stores,
        }
    }

    /// Puts every series of a worker at 0; `codes` are the reasons that its retries give.
    pub fn expose_worker(&self, codes: &[ErrorCode]) {
        process::expose_worker(&self.stores, codes);
    }

    /// Puts every series of an api at 0.
    // Requests are not among them: which there are is for callers to say.
    pub fn expose_api(&self) {
        authentication::expose();
    }

    /// Returns what this process saw, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.process.collect();
        self.handle.render()
    }

    /// Returns what this process saw and how the service stands, in Prometheus' text format.
    ///
    /// Every process that answers with this gives the same numbers about the service: take `max`
    /// over them, not `sum`.
    pub fn render_with(&self, service: &Service) -> String {
        let mut text = self.render();
        service.render(&self.stores, &mut text);
        text
    }

    /// Keeps histograms small; never returns.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped at any time.
    pub async fn upkeep(&self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }
}

/// Returns the stores of a target, as metrics are labelled.
fn stores(target: &Target) -> impl Iterator<Item = (String, StoreKind)> + use<> {
    let sql = target.sql.as_ref().map(|_| StoreKind::Sql);
    let vector = target.vector.as_ref().map(|_| StoreKind::Vector);
    let name = target.name.clone();
    sql.into_iter().chain(vector).map(move |store| (name.clone(), store))
}

fn recorder() -> PrometheusRecorder {
    // Idle series are never dropped: a counter that vanishes and comes back at 0 looks like a restart.
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in names::BUCKETS {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
            .expect("no list of buckets is empty");
    }
    builder.build_recorder()
}
