//! Runs the processes of Lethe over all sites, in one of the hunt's modes.

use std::time::{Duration, Instant};

use lethe_tests::client::Client;
use lethe_tests::config::Config;
use lethe_tests::process::Process;
use lethe_tests::service::{self, Service, up};
use lethe_tests::tap::Tap;
use lethe_tests::vectors::Vectors;
use lethe_tests::{postgres, redis, wait};
use tempfile::TempDir;
use tokio::sync::{Mutex, Semaphore};

use crate::generate::Places;
use crate::shape::Engine;
use crate::site::Site;
use crate::stores::{Database, Stores};

/// The disturbances of a hunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Many jobs run at once, and no other application touches the stores.
    Calm,
    /// Another application changes rows and points between two steps of a job, and calls get lost.
    Changing,
    /// The worker is killed besides. Ledger and doorbell are PostgreSQL and Redis, and each role has its own process.
    Dying,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::Calm, Self::Changing, Self::Dying];

    /// Returns how many sites are under way at a time.
    fn lanes(self) -> usize {
        match self {
            // Enough to keep two cores busy.
            Self::Calm | Self::Changing => 8,
            // Most of the time they wait for a lease to expire.
            Self::Dying => 16,
        }
    }

    /// Returns how many worlds are in a site at a time.
    pub(crate) fn worlds(self) -> u64 {
        match self {
            Self::Calm => 12,
            // A call that the tap holds then belongs to this world.
            Self::Changing | Self::Dying => 1,
        }
    }

    fn places(self) -> Places {
        let [mielto, memoryplugin, mem0] = match self {
            Self::Calm => ["agno-postgres", "chunks-sqlite", "bare-mariadb"],
            Self::Changing => ["agno-mariadb", "chunks-postgres", "bare-sqlite"],
            Self::Dying => ["agno-sqlite", "chunks-mariadb", "bare-postgres"],
        }
        .map(str::to_owned);
        Places {
            mielto,
            memoryplugin,
            mem0,
        }
    }
}

/// A site with its stores.
pub(crate) struct Lane {
    pub(crate) site: Site,
    pub(crate) stores: Stores,
    pub(crate) tap: Option<Tap>,
    /// Its number among all lanes of a run.
    pub(crate) number: u64,
}

/// The processes and the sites of a mode.
pub(crate) struct Fleet {
    pub(crate) mode: Mode,
    pub(crate) client: Client,
    pub(crate) places: Places,
    pub(crate) turns: Semaphore,
    worker: Mutex<Option<Worker>>,
    config: Config,
    servers: [Database; 2],
    // Dropped after the processes that use them.
    _service: Service,
    _vectors: Vectors,
    directory: TempDir,
}

/// A worker that can be killed.
struct Worker {
    process: Process,
    since: Instant,
}

/// The minimum life of a worker, so that jobs make progress.
const LIFE: Duration = Duration::from_secs(8);

impl Fleet {
    /// Makes the stores of these sites, and starts the processes.
    pub(crate) async fn start(mode: Mode, sites: Vec<(u64, Site)>) -> (Self, Vec<Lane>) {
        let directory = tempfile::tempdir().unwrap();
        let vectors = Vectors::start().await;
        let places = mode.places();
        let servers = [
            Database::make(Engine::Postgres, directory.path(), "").await,
            Database::make(Engine::Mariadb, directory.path(), "").await,
        ];
        let (config, lanes) = lanes(mode, &directory, &vectors, &servers, sites).await;
        let known = |name: &String| lanes.iter().any(|lane| lane.site.mappings[0].target == *name);
        let named = [
            ("mielto", &places.mielto),
            ("memoryplugin", &places.memoryplugin),
            ("mem0", &places.mem0),
        ];
        let config = named
            .into_iter()
            .filter(|(_, name)| known(name))
            .fold(config, |config, (system, name)| {
                config.set(&format!("compat.{system}.target"), name.as_str())
            });
        let (service, worker) = if mode == Mode::Dying {
            (
                service::api(&config, directory.path()).await,
                Some(self::worker(&config, &directory).await),
            )
        } else {
            (
                up(&directory.path().join("data"), Some(&config), directory.path()).await,
                None,
            )
        };
        let client = service.client.clone();
        wait::until_true("every mapping fits", || async { service::fits(&client).await }).await;
        let fleet = Self {
            mode,
            client,
            places,
            turns: Semaphore::new(mode.lanes()),
            worker: Mutex::new(worker),
            config,
            servers,
            _service: service,
            _vectors: vectors,
            directory,
        };
        (fleet, lanes)
    }

    /// Stops the processes, and removes everything but the ledger from shared servers.
    pub(crate) async fn end(self) {
        let servers = self.servers.clone();
        drop(self);
        for server in servers {
            server.drop().await;
        }
    }

    /// Kills the worker, unless the mode has no separate worker or the worker is too young. The returned value starts
    /// the next one.
    pub(crate) fn kill(&self) -> Option<Killed<'_>> {
        let mut worker = self.worker.try_lock().ok()?;
        let living = worker.as_mut().filter(|worker| worker.since.elapsed() > LIFE)?;
        living.process.kill();
        Some(Killed { fleet: self, worker })
    }
}

/// A worker that was killed.
pub(crate) struct Killed<'a> {
    fleet: &'a Fleet,
    worker: tokio::sync::MutexGuard<'a, Option<Worker>>,
}

impl Killed<'_> {
    /// Starts another worker.
    pub(crate) async fn replace(mut self) {
        *self.worker = Some(worker(&self.fleet.config, &self.fleet.directory).await);
    }
}

async fn lanes(
    mode: Mode,
    directory: &TempDir,
    vectors: &Vectors,
    [postgres, mariadb]: &[Database; 2],
    sites: Vec<(u64, Site)>,
) -> (Config, Vec<Lane>) {
    let mut config = config(mode).await;
    let mut lanes = Vec::new();
    for (number, site) in sites {
        let database = match site.engine {
            Engine::Sqlite => Database::make(Engine::Sqlite, directory.path(), &site.name).await,
            Engine::Postgres => postgres.clone(),
            Engine::Mariadb => mariadb.clone(),
        };
        let tap = if mode == Mode::Calm || site.shape.points.is_none() {
            None
        } else {
            Some(Tap::before(&vectors.url).await)
        };
        let url = tap.as_ref().map_or_else(|| vectors.url.clone(), Tap::url);
        config = config.targets(&site.targets(&database.url, &url, &vectors.key, &site.name));
        let stores = Stores::make(&site, database, vectors).await;
        lanes.push(Lane {
            site,
            stores,
            tap,
            number,
        });
    }
    (config, lanes)
}

async fn config(mode: Mode) -> Config {
    let config = Config::default()
        .set("log.level", "warn,lethe_cli=info,lethe=info")
        .set("worker.slots", 8)
        // Small enough that a few memories make several batches.
        .set("worker.batch", 4)
        .set("api.max_uploads", 1_000)
        .set("compat.wait", "60s")
        .set("compat.opensearch.types.long-term", "memories")
        .set("compat.opensearch.types.working", "others");
    if mode != Mode::Dying {
        return config;
    }
    let ledger = postgres::database_on(&postgres::shared(), "ledger").await;
    config
        .set("ledger.url", ledger)
        .set("doorbell.url", redis::shared())
        .set("doorbell.prefix", format!("lethe-{}", uuid::Uuid::now_v7().simple()))
        // A new worker reads the schemas of all databases, which takes a while.
        .set("worker.store_timeout", "3s")
        .set("lease.duration", "6500ms")
        .set("lease.renew_every", "500ms")
        // Workers die more often here than partitions can make progress.
        .set("lease.rescues", 1_000)
}

async fn worker(config: &Config, directory: &TempDir) -> Worker {
    Worker {
        process: service::worker(config, directory.path()).await.process,
        since: Instant::now(),
    }
}
