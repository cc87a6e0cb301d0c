//! The targets, a database and a vector store each, with a proxy before each store, the ledger and the doorbell.

use lethe_tests::config::Config;
use lethe_tests::cut::Cut;
use lethe_tests::memories::{Lock, Memories, Memory};
use lethe_tests::service;
use lethe_tests::vectors::Vectors;
use lethe_tests::{mysql, postgres, redis};
use std::time::Duration;
use tempfile::TempDir;

use crate::times::Times;
use crate::weather::{Illness, Place};

/// The number of targets.
pub(crate) const TARGETS: usize = 3;

/// The names of the targets.
pub(crate) const NAMES: [&str; TARGETS] = ["sqlite", "postgres", "mariadb"];

/// The stores of a target.
pub(crate) struct Target {
    pub(crate) memories: Memories,
    pub(crate) vectors: Vectors,
    /// The proxy before the database. A SQLite file has none.
    before_sql: Option<Cut>,
    before_vectors: Cut,
}

/// The stores and servers of the processes.
pub(crate) struct Sites {
    pub(crate) targets: Vec<Target>,
    pub(crate) config: Config,
    /// The ledger's URL, past the proxy.
    pub(crate) ledger: String,
    pub(crate) directory: TempDir,
    before_ledger: Cut,
    before_redis: Cut,
}

/// The means to end an illness.
pub(crate) enum Ill {
    Proxy,
    Locked(Lock),
}

impl Sites {
    /// Makes empty stores.
    pub(crate) async fn make(times: Times) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let databases = [
            Memories::sqlite(directory.path()).await,
            Memories::postgres(&postgres::shared()).await,
            Memories::mysql(&mysql::shared()).await,
        ];
        let ledger = postgres::database_on(&postgres::shared(), "ledger").await;
        let (before_ledger, ledger_url) = Cut::in_front_of(&ledger);
        let (before_redis, redis_url) = Cut::in_front_of(&redis::shared());
        let config = Config::default()
            .set("ledger.url", ledger_url)
            .set("ledger.max_connections", 6)
            .set("doorbell.url", redis_url)
            .set("doorbell.prefix", format!("lethe-{}", uuid::Uuid::now_v7().simple()))
            .set("worker.slots", 8)
            // Small enough that a list makes several batches.
            .set("worker.batch", 200);
        let mut config = times.configure(config);
        let mut targets = Vec::new();
        for (name, memories) in NAMES.into_iter().zip(databases) {
            let vectors = Vectors::start().await;
            let (before_vectors, vector_url) = Cut::in_front_of(&vectors.url);
            let (before_sql, sql_url) = if memories.url().starts_with("sqlite:") {
                (None, memories.url().to_owned())
            } else {
                let (cut, url) = Cut::in_front_of(memories.url());
                (Some(cut), url)
            };
            config = config.targets(&service::target(name, &sql_url, &vector_url, &vectors));
            targets.push(Target {
                memories,
                vectors,
                before_sql,
                before_vectors,
            });
        }
        Self {
            targets,
            config,
            ledger,
            directory,
            before_ledger,
            before_redis,
        }
    }

    /// Writes memories into both stores of a target, past the proxies.
    pub(crate) async fn add(&self, target: usize, memories: &[Memory]) {
        let target = &self.targets[target];
        tokio::join!(target.memories.add(memories), target.vectors.add(memories));
    }

    /// Makes a place ill.
    pub(crate) async fn fall_ill(&self, place: Place, illness: Illness) -> Ill {
        let Some(cut) = self.before(place) else {
            let Place::Sql(target) = place else { return Ill::Proxy };
            return Ill::Locked(self.targets[target].memories.lock().await);
        };
        match illness {
            Illness::Hangs => cut.stall(),
            Illness::Slow(by) => cut.delay(by),
            Illness::Refuses => cut.refuse(),
            Illness::Cuts => cut.cut(),
        }
        Ill::Proxy
    }

    /// Makes a place well.
    pub(crate) async fn recover(&self, place: Place, ill: Ill) {
        if let Ill::Locked(lock) = ill {
            lock.commit("SELECT 1").await;
        }
        if let Some(cut) = self.before(place) {
            cut.delay(Duration::ZERO);
            cut.restore();
        }
    }

    fn before(&self, place: Place) -> Option<&Cut> {
        match place {
            Place::Sql(target) => self.targets[target].before_sql.as_ref(),
            Place::Vector(target) => Some(&self.targets[target].before_vectors),
            Place::Ledger => Some(&self.before_ledger),
            Place::Redis => Some(&self.before_redis),
        }
    }

    /// Drops the databases on shared servers.
    pub(crate) async fn end(self) {
        postgres::drop_database(self.targets[1].memories.url()).await;
        mysql::drop_database(self.targets[2].memories.url()).await;
        postgres::drop_database(&self.ledger).await;
    }
}
