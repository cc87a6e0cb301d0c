//! Everything in one process: API, worker, ledger and, if the configuration names no target, the
//! embedded stores.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use lethe_api::connections::Port;
use lethe_common::clock::Clock;
use lethe_common::config::{Bounds, Config, KeyHash, Role};
use lethe_common::ledger::{Actor, KeyRecord, LedgerError};
use lethe_common::telemetry;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::data_dir::DataDir;
use crate::embedded::{self, Vectors};
use crate::lifecycle::Stop;
use crate::options;
use crate::output::{self, Format};
use crate::roles::{Parts, bind};

/// The name of the key that the first start creates.
const FIRST_KEY: &str = "first";

/// A whole service in this process.
pub(crate) struct Service {
    /// The URL of the API.
    pub(crate) url: String,
    /// The API key, if this was the first start.
    pub(crate) key: Option<String>,
    /// The embedded vector store.
    pub(crate) vectors: Option<Vectors>,
    api: JoinHandle<()>,
    worker: JoinHandle<()>,
    parts: Parts,
    vectors_stop: CancellationToken,
    // Dropped last: another process may lock the directory only after everything above has ended.
    _data: DataDir,
}

impl Service {
    /// Starts everything.
    pub(crate) async fn start(
        mut config: Config,
        data: &Path,
        listen: Option<std::net::SocketAddr>,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        // The check comes before any file is created.
        let embedded = embedded::is_wanted(&config)?;
        let data = DataDir::open(data)?;
        let listener = bind(listen.unwrap_or(config.api.listen)).await?;
        let port = Port::new(listener, config.api.tls.as_ref()).context("read the certificate of [api.tls]")?;
        let url = port.url()?;
        let vectors_stop = CancellationToken::new();
        let vectors = if embedded {
            let vectors = embedded::serve_vectors(&data, vectors_stop.clone()).await?;
            embedded::add_target(&mut config, &data, &vectors).await?;
            Some(vectors)
        } else {
            None
        };
        let own_ledger = config.ledger.url.is_none();
        let ledger_url = config
            .ledger
            .url
            .clone()
            .unwrap_or_else(|| data.sqlite("ledger.sqlite"));
        let parts = Parts::new(config, ledger_url)?;
        parts.migrate(&stop.soon).await?;
        if own_ledger {
            // This directory has one process, and the previous one is dead.
            let taken_over = async {
                parts.ledger.end_all_leases().await?;
                parts.ledger.drop_all_uploads().await
            };
            taken_over
                .await
                .context("take over the leases and uploads of the last process")?;
        }
        let key = first_key(&parts).await?;
        let state = lethe_api::AppState::new(
            Arc::clone(&parts.config),
            parts.ledger.clone(),
            parts.doorbell.clone(),
            parts.metrics.clone(),
            Clock::system(),
        );
        let env = parts.worker().context("prepare the stores")?;
        let upkeep = parts.metrics.clone();
        tokio::spawn(async move { upkeep.upkeep().await });
        let api = tokio::spawn(lethe_api::serve(port, state, stop.soon.clone()));
        let worker = tokio::spawn(lethe_worker::run(env, stop.soon.clone(), stop.now.clone()));
        Ok(Self {
            url,
            key,
            vectors,
            api,
            worker,
            parts,
            vectors_stop,
            _data: data,
        })
    }

    /// Waits until everything has ended after a stop, the stores last.
    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.api.await.context("serve the API")?;
        self.worker.await.context("run the worker")?;
        self.parts.ledger.close().await;
        self.vectors_stop.cancel();
        if let Some(vectors) = self.vectors {
            vectors.served.await.context("serve the vector store")??;
        }
        Ok(())
    }
}

/// Creates the first key, unless the ledger has keys. Only its hash is stored.
async fn first_key(parts: &Parts) -> anyhow::Result<Option<String>> {
    let first = async {
        // With a key in the ledger, no first key is made again; `lethe keys config` makes others.
        if !parts.ledger.keys("", 1).await?.is_empty() {
            return Ok(None);
        }
        let (key, hash) = KeyHash::make();
        let record = KeyRecord {
            name: FIRST_KEY.to_owned(),
            sha256: hash.to_string(),
            scopes: vec!["admin".to_owned()],
            bounds: Bounds::default(),
            expires_at: None,
        };
        Ok::<_, LedgerError>(
            parts
                .ledger
                .add_key(&record, &Actor::named("lethe:up"))
                .await?
                .then_some(key),
        )
    };
    first.await.context("make the first API key")
}

/// Runs `lethe up`.
pub(crate) async fn run(options: &options::Up) -> anyhow::Result<()> {
    let config = Config::load(options.config.as_deref(), Role::All)?;
    telemetry::init(&config.log).context("start logging")?;
    let stop = Stop::on_signals()?;
    let service = Service::start(config, &options.data, options.listen, &stop).await?;
    announce(&service, options.output);
    stop.soon.cancelled().await;
    service.ended().await
}

fn announce(service: &Service, format: Format) {
    match format {
        Format::Json => output::line(
            &json!({
                "url": service.url,
                "key": service.key,
                "qdrant": service.vectors.as_ref().map(|vectors| json!({"url": vectors.url, "key": vectors.key})),
                "pid": std::process::id(),
            })
            .to_string(),
        ),
        Format::Text => {
            output::line(&format!("Lethe is ready at {}", service.url));
            match &service.key {
                Some(key) => output::line(&format!("API key (shown this once): {key}")),
                None => output::line("The API key was shown at the first start."),
            }
            if let Some(vectors) = &service.vectors {
                output::line(&format!(
                    "Vectors (Qdrant's gRPC interface): {}, key {}",
                    vectors.url, vectors.key
                ));
            }
        }
    }
}
