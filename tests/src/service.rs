//! Lethe itself, as real processes over real stores.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::config::{Config, KEY};
use crate::cut::Cut;
use crate::layout::{Doorbell, Layout, Sql};
use crate::memories::{Memories, Memory};
use crate::process::Process;
use crate::tap::Tap;
use crate::vectors::Vectors;
use crate::{mysql, postgres, redis, variable, wait};

/// The servers of a site.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    /// PostgreSQL's URL. Default: the shared server.
    pub postgres: Option<String>,
    /// Redis' URL. Default: the shared server.
    pub redis: Option<String>,
    /// Whether the site has its own vector store, in spite of the environment. It can then be killed.
    pub own_vectors: bool,
}

/// Stores with memories, and the configuration that leads to them. No process of Lethe runs yet.
pub struct Site {
    /// The layout.
    pub layout: Layout,
    /// The rows.
    pub memories: Memories,
    /// The vectors.
    pub vectors: Vectors,
    /// The proxy before the vector store.
    pub tap: Tap,
    /// The configuration of every process.
    pub config: Config,
    /// The ledger's database, if it is on a server.
    pub ledger: Option<String>,
    /// The directory of all files.
    pub directory: TempDir,
}

/// The target of sites.
pub const TARGET: &str = "main";

impl Site {
    /// Makes empty stores.
    pub async fn new(layout: Layout) -> Self {
        Self::on(layout, Servers::default()).await
    }

    /// Makes empty stores with a vector store that a test can kill.
    pub async fn with_own_vectors(layout: Layout) -> Self {
        let servers = Servers {
            own_vectors: true,
            ..Servers::default()
        };
        Self::on(layout, servers).await
    }

    /// Makes empty stores on certain servers.
    pub async fn on(layout: Layout, servers: Servers) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let postgres = || servers.postgres.clone().unwrap_or_else(postgres::shared);
        let vectors = if servers.own_vectors {
            Vectors::own().await
        } else {
            Vectors::start().await
        };
        let tap = Tap::before(&vectors.url).await;
        let (memories, ledger) = match layout.sql {
            Sql::Sqlite => (Memories::sqlite(directory.path()).await, None),
            Sql::Mysql => (Memories::mysql(&mysql::shared()).await, None),
            Sql::Postgres => (
                Memories::postgres(&postgres()).await,
                Some(postgres::database_on(&postgres(), "ledger").await),
            ),
        };
        let mut config = Config::default();
        if let Some(url) = &ledger {
            // Some tests run many processes at once on one server.
            config = config.set("ledger.url", url.as_str()).set("ledger.max_connections", 6);
        }
        if layout.doorbell == Doorbell::Redis {
            let url = servers.redis.clone().unwrap_or_else(redis::shared);
            let prefix = format!("lethe-{}", uuid::Uuid::now_v7().simple());
            config = config.set("doorbell.url", url).set("doorbell.prefix", prefix);
        }
        let config = config.targets(&target(TARGET, memories.url(), &tap.url(), &vectors));
        Self {
            layout,
            memories,
            vectors,
            tap,
            config,
            ledger,
            directory,
        }
    }

    /// Connects workers to the vector store directly, without the proxy.
    pub fn without_tap(&mut self) {
        let target = target(TARGET, self.memories.url(), &self.vectors.url, &self.vectors);
        self.configure(|config| config.without_targets().targets(&target));
    }

    /// Connects workers to both stores over a distance, which delays each message. It lasts as long as the returned
    /// proxies.
    pub fn at_a_distance(&mut self, delay: Duration) -> [Cut; 2] {
        let mut urls = [self.memories.url().to_owned(), self.vectors.url.clone()];
        let mut between = Vec::new();
        for url in &mut urls {
            let (cut, through) = Cut::in_front_of(url);
            cut.delay(delay);
            *url = through;
            between.push(cut);
        }
        let target = target(TARGET, &urls[0], &urls[1], &self.vectors);
        self.configure(|config| config.without_targets().targets(&target));
        between.try_into().unwrap()
    }

    /// Writes memories into both stores.
    pub async fn add(&self, memories: &[Memory]) {
        self.memories.add(memories).await;
        self.vectors.add(memories).await;
    }

    /// Asserts that exactly these memories are in both stores.
    pub async fn holds(&self, memories: &[Memory]) {
        let mut expected = memories.to_vec();
        expected.sort();
        same("rows", &self.memories.left().await, &expected);
        same("vectors", &self.vectors.left().await, &expected);
    }

    /// Changes the configuration of processes started from now on.
    pub fn configure(&mut self, change: impl FnOnce(Config) -> Config) {
        self.config = change(self.config.clone());
    }

    /// Starts the processes of the layout: one, or an API and two workers.
    pub async fn start(&self) -> Service {
        if self.layout == Layout::POSTGRES_REDIS {
            let mut service = self.api().await;
            for _ in 0..2 {
                let worker = self.worker().await;
                service.workers.push(worker);
            }
            // A worker that publishes its mappings makes the others begin batches anew, which would change call counts.
            wait::until_true("both workers are known", || async {
                let known = service.client.get("/v1/workers").await.body;
                known["workers"].as_array().is_some_and(|workers| workers.len() == 2)
            })
            .await;
            return service;
        }
        self.up().await
    }

    /// Starts everything in one process.
    pub async fn up(&self) -> Service {
        up(
            &self.directory.path().join("data"),
            Some(&self.config),
            self.directory.path(),
        )
        .await
    }

    /// Starts an API.
    pub async fn api(&self) -> Service {
        api(&self.config, self.directory.path()).await
    }

    /// Starts a worker.
    pub async fn worker(&self) -> Worker {
        worker(&self.config, self.directory.path()).await
    }

    /// Starts a process with a role, without waiting for anything.
    pub fn role(&self, role: &str) -> Process {
        self::role(role, &self.config, self.directory.path())
    }
}

/// A running API, or a process with all roles.
pub struct Service {
    /// A caller of the API.
    pub client: Client,
    /// Its process.
    pub process: Process,
    /// The workers that were started with the API.
    pub workers: Vec<Worker>,
    /// The line that `lethe up` printed.
    pub said: Value,
}

/// A running worker.
pub struct Worker {
    /// Its process.
    pub process: Process,
    /// A caller of its health and metrics.
    pub client: Client,
}

/// Starts an API. Its files go to `directory`.
pub async fn api(config: &Config, directory: &Path) -> Service {
    let mut process = role("api", config, directory);
    let url = process
        .says("the API listens", |process| logged(process, "the API listens", "url"))
        .await;
    let client = Client::new(&url, KEY);
    migrated(&client).await;
    Service {
        client,
        process,
        workers: Vec::new(),
        said: Value::Null,
    }
}

/// Starts a worker. Its files go to `directory`.
pub async fn worker(config: &Config, directory: &Path) -> Worker {
    let mut process = role("worker", config, directory);
    let what = "the worker's health and metrics listen";
    let url = process.says(what, |process| logged(process, what, "url")).await;
    Worker {
        client: Client::new(&url, KEY),
        process,
    }
}

/// Starts a process with a role, without waiting for anything. Its files go to `directory`.
pub fn role(role: &str, config: &Config, directory: &Path) -> Process {
    let path = config.write(directory);
    let mut command = lethe();
    command.arg(role).arg("--config").arg(path);
    Process::start(role, &mut command, directory)
}

/// Starts all roles in one process, on a data directory. Its log goes to `logs`.
pub async fn up(data: &Path, config: Option<&Config>, logs: &Path) -> Service {
    up_by(lethe(), data, config, logs).await
}

/// Does the same as [`up`], with a command that ends in `lethe`.
pub async fn up_by(mut command: Command, data: &Path, config: Option<&Config>, logs: &Path) -> Service {
    command
        .arg("up")
        .arg("--data")
        .arg(data)
        .args(["--listen", "127.0.0.1:0", "--output", "json"]);
    if let Some(config) = config {
        command.arg("--config").arg(config.write(logs));
    }
    let mut process = Process::start("up", &mut command, logs);
    let said: Value = process
        .says("it is ready", |process| {
            let output = process.output();
            serde_json::from_str(output.split_once('\n')?.0).ok()
        })
        .await;
    let key = said["key"].as_str().unwrap_or(KEY);
    Service {
        client: Client::new(said["url"].as_str().unwrap(), key),
        process,
        workers: Vec::new(),
        said,
    }
}

/// Returns the command `lethe`, without this environment's settings for Lethe.
pub fn lethe() -> Command {
    let binary = variable("LETHE_BIN").map_or_else(|| built_beside_the_tests("lethe"), PathBuf::from);
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LETHE_") {
            command.env_remove(name);
        }
    }
    command
}

/// Returns a file that cargo built into the directory of this test's profile.
pub fn built_beside_the_tests(name: &str) -> PathBuf {
    // target/<profile>/deps/it-… for a test, target/<profile>/bench for the benchmark.
    let test = std::env::current_exe().unwrap();
    let mut places = test.ancestors().skip(1).take(2).map(|directory| directory.join(name));
    let path = places.find(|path| path.exists());
    path.unwrap_or_else(|| {
        panic!("{name} is not built: run `cargo build --release --workspace --all-targets` before the tests")
    })
}

/// Returns a target over Agno's table and the collection of `vectors`, in the form of the configuration.
pub fn target(name: &str, sql: &str, vector: &str, vectors: &Vectors) -> String {
    let (key, collection) = (&vectors.key, &vectors.collection);
    format!(
        r#"
[[target]]
name = "{name}"
sql = {{ url = "{sql}" }}
vector = {{ url = "{vector}", api_key = "{key}" }}
  [[target.table]]
  name = "memories"
  sql_table = "agno_memories"
  columns = {{ id = "memory_id", user = "user_id", agent = "agent_id" }}
  collection = {{ name = "{collection}", point = "uuid", payload = {{ id = "memory_id", user = "user_id", agent = "agent_id" }} }}
"#
    )
}

/// Returns a field of the first line that a process logged with `message`.
pub fn logged(process: &Process, message: &str, field: &str) -> Option<String> {
    let log = process.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.into_iter().find(|line| line["message"] == message)?;
    Some(line[field].as_str()?.to_owned())
}

/// Returns whether workers have looked at every mapping, and all mappings fit.
pub async fn fits(client: &Client) -> bool {
    let targets = client.get("/readyz").await.body["targets"].clone();
    let targets = targets.as_array().cloned().unwrap_or_default();
    !targets.is_empty()
        && targets
            .iter()
            .all(|target| target["served"] == true && target["fits"] == true)
}

async fn migrated(client: &Client) {
    wait::until_true("the ledger is there", || async {
        client.get("/v1/jobs?limit=1").await.status == StatusCode::OK
    })
    .await;
}

fn same(what: &str, left: &[Memory], expected: &[Memory]) {
    if left == expected {
        return;
    }
    let lost: Vec<_> = expected
        .iter()
        .filter(|memory| !left.contains(memory))
        .take(5)
        .collect();
    let extra: Vec<_> = left
        .iter()
        .filter(|memory| !expected.contains(memory))
        .take(5)
        .collect();
    panic!(
        "{what}: {} are there instead of {}; missing {lost:?}…, unexpected {extra:?}…",
        left.len(),
        expected.len()
    );
}
