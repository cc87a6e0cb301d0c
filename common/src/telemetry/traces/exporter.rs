//! The connection to the receiver.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use secrecy::ExposeSecret as _;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{ClientTlsConfig, Endpoint};

use super::attributes::conventional;
use crate::config::Otlp;

/// How long a connection may take, and how long an export may take with its retries.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends spans in the form of OpenTelemetry's conventions, and says once when the receiver fails.
#[derive(Debug)]
pub(super) struct Exporter {
    receiver: opentelemetry_otlp::SpanExporter,
    /// Whether the last export failed.
    failing: AtomicBool,
}

impl Exporter {
    /// Prepares the connection, without waiting for it.
    pub(super) fn new(otlp: &Otlp) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut endpoint = Endpoint::from_shared(otlp.endpoint.clone())?
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE);
        if otlp.endpoint.starts_with("https://") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
        }
        let mut headers = MetadataMap::new();
        for (name, value) in &otlp.headers {
            let mut value: AsciiMetadataValue = value.expose_secret().parse()?;
            value.set_sensitive(true);
            headers.insert(AsciiMetadataKey::from_bytes(name.as_bytes())?, value);
        }
        let receiver = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_channel(endpoint.connect_lazy())
            .with_metadata(headers)
            .with_timeout(PATIENCE)
            .build()?;
        Ok(Self {
            receiver,
            failing: AtomicBool::new(false),
        })
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.into_iter().filter_map(conventional).collect();
        let sent = self.receiver.export(spans).await;
        let failed_before = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            // The text has a status of gRPC or a fault of the connection. It holds no header and no text of the receiver.
            Err(error) if !failed_before => {
                tracing::warn!(error = %error, "the receiver takes no traces: they are lost until it does");
            }
            Ok(()) if failed_before => tracing::info!("the receiver takes traces again"),
            _ => {}
        }
        sent
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.receiver.set_resource(resource);
    }
}
