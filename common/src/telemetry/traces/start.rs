//! The start and the end of traces in a process.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::{Layer as _, Registry};
use uuid::Uuid;

use super::attributes::covers;
use super::exporter::Exporter;
use super::sampler::sampler;
use crate::config::Config;
use crate::telemetry::init::{StartError, Traces};

/// The spans that wait to be sent, at most. Further spans are dropped.
const QUEUE: usize = 2048;

/// The spans of one export, at most.
const BATCH: usize = 512;

/// How long a span waits for others.
const DELAY: Duration = Duration::from_secs(2);

/// How long the last export may take. With `worker.drain`, it stays below the usual grace of supervisors.
const FLUSH: Duration = Duration::from_secs(3);

/// The sender of the process' spans, once traces have started.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Returns the layer that sends spans, if the configuration names a receiver. Connects later, and again after failures.
pub(in crate::telemetry) fn start(config: &Config) -> Result<Traces, StartError> {
    let Some(otlp) = &config.telemetry.otlp else {
        return Ok(None);
    };
    let exporter = Exporter::new(otlp).map_err(StartError::Receiver)?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    // Without detectors: they read the environment.
    let resource = Resource::builder_empty()
        .with_service_name("lethe")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", Uuid::now_v7().to_string()))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(sampler(otlp.sample_ratio))
        .with_resource(resource)
        .build();
    let tracer = PROVIDER.get_or_init(|| provider).tracer("lethe");
    let layer = tracing_opentelemetry::layer::<Registry>()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    let filter = filter_fn(covers).with_max_level_hint(LevelFilter::DEBUG);
    Ok(Some(layer.with_filter(filter).boxed()))
}

/// Sends the last spans. Blocks the thread for at most 3 s, so it belongs at the end of a process.
pub fn stop() {
    if let Some(provider) = PROVIDER.get()
        && provider.shutdown_with_timeout(FLUSH).is_err()
    {
        tracing::warn!("the last traces may be lost: the receiver took too long");
    }
}
