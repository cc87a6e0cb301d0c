//! The processes of a distributed installation, each with one role.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use lethe_api::Looks;
use lethe_api::connections::Port;
use lethe_common::clock::Clock;
use lethe_common::config::{Config, ConfigError, ConfigErrors, Role};
use lethe_common::doorbell::Doorbell;
use lethe_common::ledger::{Ledger, LedgerError, LedgerOptions};
use lethe_common::metrics::Metrics;
use lethe_common::telemetry;
use lethe_worker::store::StoreError;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::lifecycle::Stop;

/// The longest pause between two tries to reach the ledger at the start.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The user who may migrate the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The user of this process. It is an error if that one may not.
    This,
    /// Perhaps another one, for whose `lethe migrate` the process waits.
    Another,
}

/// Whether the ledger is ready for use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Migrated {
    /// All migrations are applied.
    Done,
    /// The process was asked to stop before the ledger could be reached.
    Stopped,
}

/// The parts of every role.
pub(crate) struct Parts {
    pub(crate) config: Arc<Config>,
    pub(crate) ledger: Ledger,
    pub(crate) doorbell: Doorbell,
    pub(crate) metrics: Metrics,
}

impl Parts {
    /// Prepares the parts without waiting for any server: servers may come up later.
    pub(crate) fn new(config: Config, ledger_url: SecretString) -> anyhow::Result<Self> {
        for setting in &config.unverified {
            tracing::warn!(
                setting,
                "TLS is off for a server on another machine: an attacker on the network may read passwords, or impersonate the server"
            );
        }
        for setting in &config.exposed {
            tracing::warn!(
                setting,
                "other users of this machine may read the file of a secret: change its mode to 0600 or 0640"
            );
        }
        let ledger = Ledger::open(LedgerOptions {
            url: ledger_url,
            ..LedgerOptions::from(&config)
        })?;
        let doorbell = Doorbell::open(&config.doorbell).context("read the doorbell's URL")?;
        let metrics = Metrics::install(&config);
        Ok(Self {
            config: Arc::new(config),
            ledger,
            doorbell,
            metrics,
        })
    }

    /// Waits for the ledger to come up, and applies its missing migrations.
    pub(crate) async fn migrate(&self, owner: Owner, stop: &CancellationToken) -> anyhow::Result<Migrated> {
        let migrating = async {
            let mut pause = Duration::from_millis(100);
            loop {
                let Err(error) = self.ledger.migrate().await else {
                    return Ok(Migrated::Done);
                };
                let lacks_rights = matches!(error, LedgerError::Unmigrated(_));
                let may_pass = error.is_transient() || lacks_rights && owner == Owner::Another;
                if !may_pass {
                    tracing::error!(
                        ledger.sqlstate = error.sqlstate(),
                        error = %error,
                        advice = error.advice(),
                        "the process stops: the ledger cannot be migrated"
                    );
                    return Err(error).context("migrate the ledger");
                }
                tracing::warn!(
                    ledger.sqlstate = error.sqlstate(),
                    error = %error,
                    advice = error.advice(),
                    "waiting for the ledger"
                );
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        // One try alone may wait long, such as for a lock.
        let migrated = stop.run_until_cancelled(migrating).await;
        migrated.unwrap_or(Ok(Migrated::Stopped))
    }

    /// Returns a worker over these parts.
    pub(crate) fn worker(&self) -> Result<lethe_worker::Environment, StoreError> {
        self.metrics.expose_worker(&lethe_worker::retry_reasons());
        let name = self.config.worker.name.clone().unwrap_or_else(|| "worker".to_owned());
        // Unique per start: a reused name would hide that its worker died.
        let name = format!("{name}-{}-{:08x}", std::process::id(), rand::random::<u32>());
        lethe_worker::Environment::new(
            name,
            Arc::clone(&self.config),
            self.ledger.clone(),
            self.doorbell.clone(),
            Clock::system(),
        )
    }
}

fn distributed(path: Option<&Path>, role: Role) -> anyhow::Result<Parts> {
    let config = Config::load(path, role)?;
    telemetry::init(&config).context("start logging")?;
    let Some(url) = config.ledger.url.clone() else {
        return Err(ConfigErrors(vec![ConfigError {
            key: "ledger.url".to_owned(),
            change: "name the ledger's database, or run `lethe up`, which brings its own".to_owned(),
        }])
        .into());
    };
    Parts::new(config, url)
}

/// Runs the API.
pub(crate) async fn api(config: Option<&Path>) -> anyhow::Result<()> {
    let parts = distributed(config, Role::Api)?;
    lethe_api::check_keys(&parts.config).context("read the keys of [receipts]")?;
    let stop = Stop::on_signals()?;
    let listener = bind(parts.config.api.listen).await?;
    let port = Port::new(listener, parts.config.api.tls.as_ref()).context("read the certificate of [api.tls]")?;
    tracing::info!(url = port.url()?, "the API listens");
    let upkeep = parts.metrics.clone();
    tokio::spawn(async move { upkeep.upkeep().await });
    let migrated = async {
        let migrated = parts.migrate(Owner::Another, &stop.soon).await;
        if migrated.is_err() {
            // Without its tables the API can accept nothing: it ends, so that its supervisor shows the fault.
            stop.soon.cancel();
        }
        migrated
    };
    let state = lethe_api::AppState::new(
        Arc::clone(&parts.config),
        parts.ledger.clone(),
        parts.doorbell.clone(),
        parts.metrics.clone(),
        Clock::system(),
    );
    // It serves before the ledger can be reached, and reports that.
    let (migrated, ()) = tokio::join!(migrated, lethe_api::serve(port, state, stop.soon.clone()));
    parts.ledger.close().await;
    migrated?;
    Ok(())
}

/// Runs a worker.
pub(crate) async fn worker(config: Option<&Path>) -> anyhow::Result<()> {
    let parts = distributed(config, Role::Worker)?;
    let stop = Stop::on_signals()?;
    let listener = bind(parts.config.worker.listen).await?;
    let port = Port::new(listener, parts.config.worker.tls.as_ref()).context("read the certificate of [worker.tls]")?;
    tracing::info!(url = port.url()?, "the worker's health and metrics listen");
    let env = parts.worker().context("prepare the stores")?;
    let health = env.health();
    let upkeep = parts.metrics.clone();
    tokio::spawn(async move { upkeep.upkeep().await });
    let served = tokio::spawn(crate::health::serve(
        port,
        health,
        parts.metrics.clone(),
        stop.soon.clone(),
    ));
    let done = match parts.migrate(Owner::Another, &stop.soon).await {
        Ok(Migrated::Done) => {
            lethe_worker::run(env, stop.soon.clone(), stop.now).await;
            Ok(())
        }
        Ok(Migrated::Stopped) => Ok(()),
        Err(error) => Err(error),
    };
    stop.soon.cancel();
    served.await.context("serve the worker's health")?;
    parts.ledger.close().await;
    done
}

/// Signs receipts, and adds receipts and audit events to the log.
pub(crate) async fn sequence(config: Option<&Path>) -> anyhow::Result<()> {
    let parts = distributed(config, Role::Api)?;
    lethe_api::check_keys(&parts.config).context("read the keys of [receipts]")?;
    let stop = Stop::on_signals()?;
    if parts.migrate(Owner::Another, &stop.soon).await? == Migrated::Done {
        let (config, ledger, doorbell) = (parts.config, parts.ledger.clone(), parts.doorbell);
        lethe_api::sequence(config, ledger, doorbell, Looks::Own, stop.soon.clone()).await;
    }
    parts.ledger.close().await;
    Ok(())
}

/// Applies the ledger's migrations.
pub(crate) async fn migrate(config: Option<&Path>) -> anyhow::Result<()> {
    let parts = distributed(config, Role::Other)?;
    let stop = Stop::on_signals()?;
    if parts.migrate(Owner::This, &stop.soon).await? == Migrated::Stopped {
        bail!("stopped before the ledger could be reached");
    }
    Ok(())
}

/// Deletes the events of the audit trail and the receipts whose retention has passed.
pub(crate) async fn forget_audit(config: Option<&Path>) -> anyhow::Result<()> {
    let parts = distributed(config, Role::Other)?;
    let kept = &parts.config.retention;
    let forgotten = async {
        while parts.ledger.forget_audit(kept.audit).await? {}
        while parts.ledger.forget_receipts(kept.receipts).await? {}
        Ok::<_, LedgerError>(())
    };
    forgotten
        .await
        .context("delete events of the audit trail and receipts")?;
    parts.ledger.close().await;
    Ok(())
}

/// Binds a listener, with an error that says what to change.
pub(crate) async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: choose another address, or port 0 for any that is free"))
}
