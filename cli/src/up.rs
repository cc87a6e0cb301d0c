//! Everything in one process: API, worker, ledger and, if the configuration names no target, the
//! embedded stores.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use lethe_api::connections::Port;
use lethe_common::clock::Clock;
use lethe_common::config::{Bounds, Config, KeyHash, Role};
use lethe_common::ledger::{Actor, KeyRecord};
use lethe_common::telemetry;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::data_dir::DataDir;
use crate::embedded::{self, Vectors, Wanted};
use crate::fill::{Fill, Filling};
use crate::lifecycle::Stop;
use crate::next_steps;
use crate::options;
use crate::output::{self, Format};
use crate::roles::{Migrated, Owner, Parts, bind};

/// The name of the key that the first start creates.
const FIRST_KEY: &str = "first";

/// The file of the key that signs receipts, in the data directory.
const SIGNING_KEY: &str = "receipts.key";

/// The name of this command in the audit trail.
const ACTOR: &str = "lethe:up";

/// A whole service in this process.
pub(crate) struct Service {
    /// The URL of the API.
    pub(crate) url: String,
    /// The URL of the console, for a browser on this machine; absent if it is not served.
    pub(crate) console: Option<String>,
    /// The API key, if this start made one.
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
    /// Starts everything. Returns `None` if it was asked to stop before the ledger could be reached.
    pub(crate) async fn start(
        mut config: Config,
        data: &Path,
        fill: Fill,
        new_key: bool,
        stop: &Stop,
    ) -> anyhow::Result<Option<Self>> {
        // The checks come before any file is created.
        let wanted = Wanted::by(&config)?;
        if fill != Fill::Never && wanted != Wanted::Both {
            bail!("leave out --demo: it fills the embedded stores, and the configuration names targets of its own");
        }
        let data = DataDir::open(data)?;
        let listener = bind(config.api.listen).await?;
        let port = Port::new(listener, config.api.tls.as_ref()).context("read the certificate of [api.tls]")?;
        let url = port.url()?;
        let console = config.console.enabled.then(|| local(&url));
        let filling = Filling::begin(&data, fill)?;
        let vectors_stop = CancellationToken::new();
        let vectors = if wanted == Wanted::Nothing {
            None
        } else {
            let listen = config.embedded.qdrant_listen;
            let vectors = embedded::serve_vectors(&data, listen, vectors_stop.clone()).await?;
            if wanted == Wanted::Both {
                embedded::add_target(&mut config, &data, &vectors).await?;
            }
            // Nobody can delete a memory before the API serves, so no vector comes back after its row has gone.
            if let Some(filling) = filling {
                filling.finish(&vectors).await?;
            }
            Some(vectors)
        };
        let own_ledger = config.ledger.url.is_none();
        let ledger_url = config
            .ledger
            .url
            .clone()
            .unwrap_or_else(|| data.sqlite("ledger.sqlite"));
        config.check_usual_ledger(&ledger_url)?;
        name_issuer(&mut config, &data)?;
        let parts = Parts::new(config, ledger_url)?;
        if parts.migrate(Owner::This, &stop.soon).await? == Migrated::Stopped {
            vectors_stop.cancel();
            if let Some(vectors) = vectors {
                vectors.served.await.context("serve the vector store")??;
            }
            return Ok(None);
        }
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
        // Nothing that can fail comes after it: the key is shown only once.
        let key = match first_key(&parts).await? {
            None if new_key => Some(another_key(&parts).await?),
            first => first,
        };
        let api = tokio::spawn(lethe_api::serve(port, state, stop.soon.clone()));
        let worker = tokio::spawn(lethe_worker::run(env, stop.soon.clone(), stop.now.clone()));
        Ok(Some(Self {
            url,
            console,
            key,
            vectors,
            api,
            worker,
            parts,
            vectors_stop,
            _data: data,
        }))
    }

    /// Waits until everything has ended after a stop, the stores last. A part that ends by itself stops the others.
    ///
    /// # Errors
    ///
    /// If a part failed, or ended before the stop.
    pub(crate) async fn ended(self, stop: &Stop) -> anyhow::Result<()> {
        let (ledger, vectors_stop) = (self.parts.ledger, self.vectors_stop);
        let api = async { self.api.await.context("serve the API") };
        let worker = async { self.worker.await.context("run the worker") };
        let users = async {
            let api = part("the API", api, &stop.soon, stop);
            let worker = part("the worker", worker, &stop.soon, stop);
            let (api, worker) = tokio::join!(api, worker);
            ledger.close().await;
            vectors_stop.cancel();
            api.and(worker)
        };
        let Some(vectors) = self.vectors else {
            return users.await;
        };
        let vectors = async { vectors.served.await.context("serve the vector store")? };
        let vectors = part("the vector store", vectors, &vectors_stop, stop);
        let (users, vectors) = tokio::join!(users, vectors);
        // If both fail, the worker may have failed for lack of the vector store.
        vectors.and(users)
    }
}

/// Waits for the end of a part. If it ends before `asked`, the others are stopped too.
async fn part(
    what: &'static str,
    running: impl Future<Output = anyhow::Result<()>>,
    asked: &CancellationToken,
    stop: &Stop,
) -> anyhow::Result<()> {
    let ended = running.await;
    if asked.is_cancelled() {
        return ended;
    }
    tracing::error!(part = what, "a part of the service ended by itself: the others stop");
    stop.soon.cancel();
    ended?;
    bail!("{what} ended by itself")
}

/// Creates the first key, once for a ledger. Only its hash is stored. Later starts create none, even if an operator
/// revoked it. A start whose configuration names callers creates none either.
async fn first_key(parts: &Parts) -> anyhow::Result<Option<String>> {
    if has_callers(&parts.config) {
        return Ok(None);
    }
    let (key, record) = admin_key(FIRST_KEY);
    let added = parts.ledger.add_first_key(&record, &Actor::named(ACTOR)).await;
    Ok(added.context("make the first API key")?.then_some(key))
}

/// Creates another key. The others stay valid: somebody may use them.
async fn another_key(parts: &Parts) -> anyhow::Result<String> {
    let (key, record) = admin_key(&format!("up-{}", Clock::system().now().as_millisecond()));
    let added = parts.ledger.add_key(&record, &Actor::named(ACTOR)).await;
    let added = added.context("make another API key")?;
    added.context("start again: a key of this moment exists")?;
    Ok(key)
}

fn admin_key(name: &str) -> (String, KeyRecord) {
    let (key, hash) = KeyHash::make();
    let record = KeyRecord {
        name: name.to_owned(),
        sha256: hash.to_string(),
        scopes: vec!["admin".to_owned()],
        bounds: Bounds::default(),
        expires_at: None,
    };
    (key, record)
}

/// Sets the issuer of receipts: the host of the API, with a key in the data directory. A configuration that names an issuer or
/// a key file comes first.
fn name_issuer(config: &mut Config, data: &DataDir) -> anyhow::Result<()> {
    let host = config.api.listen.ip().to_string();
    config.receipts.issuer.get_or_insert(host);
    if config.receipts.key_file.is_none() && config.receipts.sequence {
        // Made now, so that the file is there when the sequencer reads it.
        data.secret(SIGNING_KEY)?;
        config.receipts.key_file = Some(data.join(SIGNING_KEY));
    }
    lethe_api::check_keys(config).context("read the keys of [receipts]")
}

/// Returns the URL of the console as a browser on this machine opens it: a listener on all addresses has none itself.
fn local(url: &str) -> String {
    let url = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
    format!("{url}/")
}

/// Returns whether the configuration names callers.
fn has_callers(config: &Config) -> bool {
    !config.auth.keys.is_empty() || !config.auth.jwts.is_empty()
}

/// Runs `lethe up`.
pub(crate) async fn run(options: &options::Up) -> anyhow::Result<()> {
    let mut config = Config::load(options.config.as_deref(), Role::All)?;
    config.api.listen = options.listen.unwrap_or(config.api.listen);
    config.embedded.qdrant_listen = options.qdrant_listen.or(config.embedded.qdrant_listen);
    telemetry::init(&config).context("start logging")?;
    let stop = Stop::on_signals()?;
    let fill = if options.demo { Fill::Once } else { Fill::Never };
    let Some(service) = Service::start(config, &options.data, fill, options.new_key, &stop).await? else {
        return Ok(());
    };
    announce(&service, options);
    service.ended(&stop).await
}

fn announce(service: &Service, options: &options::Up) {
    match options.output {
        Format::Json => output::line(
            &json!({
                "url": service.url,
                "console": service.console,
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
                None if has_callers(&service.parts.config) => {
                    output::line("API keys: those of the configuration, and those made over the API.");
                }
                None => output::line(
                    "API key: the first start showed it, and only its hash is stored. If it is lost, start with --new-key.",
                ),
            }
            if let Some(console) = &service.console {
                output::line(&format!("Console, for a browser: {console}"));
            }
            if let Some(vectors) = &service.vectors {
                output::line(&format!(
                    "Vectors (Qdrant's gRPC interface): {}, key {}",
                    vectors.url, vectors.key
                ));
            }
            if options.demo {
                output::line("Memories of 100 invented people are loaded. Paste into another terminal:");
                for step in next_steps::commands(&service.url, service.key.as_deref()) {
                    output::line(&step);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_has_an_address_that_a_browser_opens() {
        for (url, console) in [
            ("http://127.0.0.1:7878", "http://127.0.0.1:7878/"),
            ("http://0.0.0.0:7878", "http://127.0.0.1:7878/"),
            ("https://[::]:443", "https://[::1]:443/"),
            ("http://10.0.0.0:80", "http://10.0.0.0:80/"),
        ] {
            assert_eq!(local(url), console);
        }
    }

    #[tokio::test]
    async fn a_part_that_ends_by_itself_stops_the_others_and_is_an_error() {
        for early in [Ok(()), Err(anyhow::anyhow!("broken"))] {
            let stop = Stop::default();
            let api = async {
                stop.soon.cancelled().await;
                Ok(())
            };
            let api = part("the API", api, &stop.soon, &stop);
            let worker = part("the worker", async { early }, &stop.soon, &stop);
            let (api, worker) = tokio::join!(api, worker);
            assert!(api.is_ok() && worker.is_err());
        }
    }

    #[tokio::test]
    async fn a_part_that_panics_is_an_error() {
        let stop = Stop::default();
        let panicking: JoinHandle<()> = tokio::spawn(async { panic!("a fault") });
        let api = async { panicking.await.context("serve the API") };
        assert!(part("the API", api, &stop.soon, &stop).await.is_err());
        assert!(stop.soon.is_cancelled());
    }

    #[tokio::test]
    async fn a_part_that_ends_after_the_stop_has_done_what_it_should() {
        let stop = Stop::default();
        stop.soon.cancel();
        assert!(part("the API", async { Ok(()) }, &stop.soon, &stop).await.is_ok());
        let failing = async { Err(anyhow::anyhow!("flush")) };
        assert!(part("the vector store", failing, &stop.soon, &stop).await.is_err());
    }
}
