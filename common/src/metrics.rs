//! Metrics. Only this module names a metric.
//!
//! There are two kinds. `process` has the events of this process, through the recorder. [`Service`] has the
//! state of the service, read from the ledger and rendered at each scrape. No decision is made here, and no
//! label may hold the id of a memory, an owner or a path.

mod audit;
mod authentication;
mod connections;
mod host;
mod names;
mod process;
mod requests;
mod service;
#[cfg(test)]
mod tests;
mod text;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::config::{Config, Target};
use crate::error_code::ErrorCode;
use crate::job::StoreKind;

pub use audit::audit_unwritten;
pub use authentication::{AuthFailure, authentication_failed};
pub use connections::{Crowded, certificate_ends, connection_closed, connection_opened, turned_away};
pub use process::{
    Dependency, RetryClass, StoreCall, attempt, breaker, claimed, dependency, doorbell_failed, doorbell_miss,
    doorbell_received, doorbell_sent, http_request, in_progress, job_ended, queue_wait, retry, store_call,
};
pub use requests::{RefusedFor, body_bytes_given_back, body_bytes_taken, request_refused};
pub use service::{LARGEST, Service};

/// The interval at which samples of histograms are folded into their buckets. Without it, a process without
/// scrapes would keep them all.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics of this process.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    stores: Arc<[(String, StoreKind)]>,
}

impl Metrics {
    /// Starts measuring. Every series that an api and a worker share starts at 0.
    ///
    /// A second call in the same process (tests run an api beside a worker) shares the recorder of the
    /// first.
    pub fn install(config: &Config) -> Self {
        // The `metrics` crate has one recorder per process; the handle is its other end.
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = INSTALLED.get_or_init(|| {
            let recorder = recorder();
            let handle = recorder.handle();
            // Only a test may have set another recorder, which then sees the values.
            drop(metrics::set_global_recorder(recorder));
            handle
        });
        Self::with(handle.clone(), config)
    }

    fn with(handle: PrometheusHandle, config: &Config) -> Self {
        names::describe();
        let stores = config.targets.iter().flat_map(stores).collect();
        process::expose_shared(config.doorbell.url.is_some());
        connections::expose();
        Self { handle, stores }
    }

    /// Puts every series of a worker at 0. `reasons` are the classes and codes of its retries that can occur.
    pub fn expose_worker(&self, reasons: &[(RetryClass, ErrorCode)]) {
        process::expose_worker(&self.stores, reasons);
    }

    /// Puts every series of an api at 0.
    // Requests are not among them: callers decide which requests there are.
    pub fn expose_api(&self) {
        audit_unwritten(0);
        authentication::expose();
        requests::expose();
    }

    /// Returns the metrics of this process, in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        host::render(&mut text);
        text
    }

    /// Returns the metrics of this process and of the service, in Prometheus' text format.
    ///
    /// Every process that answers with this gives the same numbers about the service: aggregate with `max`,
    /// not with `sum`.
    pub fn render_with(&self, service: &Service) -> String {
        let mut text = self.render();
        service.render(&self.stores, &mut text);
        text
    }

    /// Folds samples of histograms; never returns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any time is safe.
    pub async fn upkeep(&self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }
}

/// Returns the stores of a target, as in metric labels.
fn stores(target: &Target) -> impl Iterator<Item = (String, StoreKind)> + use<> {
    let sql = target.sql.as_ref().map(|_| StoreKind::Sql);
    let vector = target.vector.as_ref().map(|_| StoreKind::Vector);
    let name = target.name.clone();
    sql.into_iter().chain(vector).map(move |store| (name.clone(), store))
}

fn recorder() -> PrometheusRecorder {
    // Idle series are kept: a counter that vanishes and comes back at 0 looks like a restart.
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in names::BUCKETS {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
            .expect("no list of buckets is empty");
    }
    builder.build_recorder()
}
