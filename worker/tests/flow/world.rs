//! One table with its collection, and a ledger, in one process.

use std::sync::Arc;
use std::time::Duration;

use lethe_common::clock::Clock;
use lethe_common::config::{Config, Retry, Target};
use lethe_common::doorbell::Doorbell;
use lethe_common::job::{JobId, Subject};
use lethe_common::ledger::{
    Accepted, ExecutionOptions, JobView, Kind, Ledger, LedgerOptions, NewJob, NewPartition, Scope,
};
use lethe_edge::{EdgeOptions, serve};
use lethe_worker::Environment;
use qdrant_client::qdrant::{
    CountPointsBuilder, CreateCollectionBuilder, Distance, PointStruct, UpsertPointsBuilder, VectorParamsBuilder,
};
use qdrant_client::{Payload, Qdrant};
use serde_json::{Value, json};
use sqlx::Executor;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

const KEY: &str = "a key for tests";

/// The longest wait for a retry. Jitter may shorten it, but no test takes that long.
const NOT_DURING_A_TEST: Duration = Duration::from_hours(8_760);

/// One table with its collection, and a ledger.
pub(super) struct World {
    pub(super) config: Arc<Config>,
    pub(super) ledger: Ledger,
    pub(super) client: Qdrant,
    _stop: DropGuard,
    pub(super) directory: tempfile::TempDir,
}

impl World {
    pub(super) async fn start(collection: Value) -> Self {
        Self::over(
            "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT NOT NULL);
             INSERT INTO memories VALUES ('a1', 'ana'), ('a2', 'ana'), ('a3', 'ana'), ('b1', 'bob')",
            json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}, "collection": collection}),
        )
        .await
    }

    /// Starts with rows made by statements, and their mapping.
    pub(super) async fn over(rows: &'static str, table: Value) -> Self {
        Self::over_all(rows, json!([table])).await
    }

    /// Starts with the rows of several tables.
    pub(super) async fn over_all(rows: &'static str, tables: Value) -> Self {
        Self::with(Some(rows), tables).await
    }

    /// Starts with a target that has no database.
    pub(super) async fn of_points(table: Value) -> Self {
        Self::with(None, json!([table])).await
    }

    async fn with(rows: Option<&'static str>, tables: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vectors = format!("http://{}", listener.local_addr().unwrap());
        let options = EdgeOptions {
            directory: directory.path().join("vectors"),
            api_key: KEY.into(),
        };
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, options, stop.clone()));
        let client = Qdrant::from_url(&vectors)
            .api_key(KEY)
            .skip_compatibility_check()
            // A busy machine may need longer than the client's five seconds.
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        let params = VectorParamsBuilder::new(2, Distance::Dot);
        client
            .create_collection(CreateCollectionBuilder::new("memories").vectors_config(params))
            .await
            .unwrap();
        sqlx::any::install_default_drivers();
        let file = |name: &str| format!("sqlite://{}?mode=rwc", directory.path().join(name).display());
        let mut target = json!({
            "name": "main",
            "vector": {"url": vectors, "api_key": KEY},
            "table": tables,
        });
        if let Some(rows) = rows {
            let pool = sqlx::AnyPool::connect(&file("memories.sqlite")).await.unwrap();
            pool.execute(sqlx::raw_sql(rows)).await.unwrap();
            pool.close().await;
            target["sql"] = json!({"url": file("memories.sqlite")});
        }
        let target: Target = serde_json::from_value(target).unwrap();
        let config = Arc::new(Config {
            targets: vec![target],
            retry: Retry {
                base: NOT_DURING_A_TEST,
                cap: NOT_DURING_A_TEST,
                ..Retry::default()
            },
            ..Config::default()
        });
        let ledger = Ledger::open(LedgerOptions {
            url: file("ledger.sqlite").into(),
            max_connections: 2,
            ..LedgerOptions::from(&*config)
        })
        .unwrap();
        ledger.migrate().await.unwrap();
        Self {
            config,
            ledger,
            client,
            _stop: stop.drop_guard(),
            directory,
        }
    }

    pub(super) async fn add_points(&self, points: impl IntoIterator<Item = (Uuid, Value)>) {
        let points: Vec<PointStruct> = points
            .into_iter()
            .map(|(id, payload)| PointStruct::new(id.to_string(), vec![0.5, 0.5], Payload::try_from(payload).unwrap()))
            .collect();
        self.client
            .upsert_points(UpsertPointsBuilder::new("memories", points).wait(true))
            .await
            .unwrap();
    }

    pub(super) async fn points(&self) -> u64 {
        let count = self.client.count(CountPointsBuilder::new("memories").exact(true));
        count.await.unwrap().result.unwrap().count
    }

    /// Erases a person, and returns the job at its end.
    pub(super) async fn erase(&self, user: &str) -> JobView {
        self.run(self.of_person(user)).await
    }

    /// Returns a job about a person.
    pub(super) fn of_person(&self, user: &str) -> NewJob {
        let target = &self.config.targets[0];
        let subject = Subject {
            user_id: Some(user.to_owned()),
            ..Subject::default()
        };
        NewJob {
            subject: Some(subject),
            partitions: vec![NewPartition::subject(target, &target.tables[0], 0, false)],
            ..Self::job()
        }
    }

    /// Erases memories by their ids, and returns the job at its end.
    pub(super) async fn erase_ids(&self, ids: &[&str], kind: Option<&str>) -> JobView {
        self.run(NewJob {
            memory_kind: kind.map(str::to_owned),
            ..self.of_ids(ids)
        })
        .await
    }

    /// Returns a job about memories by their ids.
    pub(super) fn of_ids(&self, ids: &[&str]) -> NewJob {
        let target = &self.config.targets[0];
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        NewJob {
            partitions: vec![NewPartition::ids(target, &target.tables[0], ids, Kind::Erase)],
            ..Self::job()
        }
    }

    /// Returns a job without partitions.
    pub(super) fn job() -> NewJob {
        NewJob {
            id: JobId::new(),
            scope: Scope {
                principal: "tests".to_owned(),
                route: "/v1/jobs",
            },
            idempotency: None,
            request: None,
            target: None,
            table: None,
            owner: None,
            workspace: None,
            memory_kind: None,
            subject: None,
            query: None,
            dry_run: false,
            limit: None,
            expect: None,
            per_second: None,
            execution: ExecutionOptions::default(),
            not_before: None,
            trace: None,
            places: Vec::new(),
            warnings: Vec::new(),
            partitions: Vec::new(),
        }
    }

    /// Runs a job, and returns it at its end.
    pub(super) async fn run(&self, job: NewJob) -> JobView {
        let id = self.accept(job).await;
        self.work(id).await
    }

    pub(super) async fn accept(&self, job: NewJob) -> JobId {
        let Accepted::New(id) = self.ledger.accept(job).await.unwrap() else {
            panic!("a job without a key is new")
        };
        id
    }

    /// Runs a statement directly on the ledger's file.
    pub(super) async fn in_ledger(&self, sql: &'static str) {
        self.in_file("ledger.sqlite", sql).await;
    }

    /// Runs a statement on the database of the memories.
    pub(super) async fn in_memories(&self, sql: &'static str) {
        self.in_file("memories.sqlite", sql).await;
    }

    /// Returns the sorted ids of the rows of `memories`.
    pub(super) async fn rows(&self) -> Vec<String> {
        self.texts("SELECT CAST(id AS TEXT) FROM memories ORDER BY 1").await
    }

    /// Returns the texts that a query of the database of the memories selects.
    pub(super) async fn texts(&self, sql: &'static str) -> Vec<String> {
        let file = self.directory.path().join("memories.sqlite");
        let pool = sqlx::AnyPool::connect(&format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        let texts = sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
        pool.close().await;
        texts
    }

    pub(super) async fn in_file(&self, name: &str, sql: &'static str) {
        let file = self.directory.path().join(name);
        let pool = sqlx::AnyPool::connect(&format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        pool.execute(sqlx::raw_sql(sql)).await.unwrap();
        pool.close().await;
    }

    /// Works on all due partitions. Returns the job, which must have ended.
    pub(super) async fn work(&self, id: JobId) -> JobView {
        self.run_due_jobs().await;
        let job = self.seen(id).await;
        assert!(job.state.is_ended(), "{job:?}");
        job
    }

    /// Works on all due partitions, as a new worker.
    pub(super) async fn run_due_jobs(&self) -> usize {
        self.run_due_jobs_ringing(Doorbell::local()).await
    }

    /// Works on all due partitions, as a new worker with this doorbell.
    pub(super) async fn run_due_jobs_ringing(&self, doorbell: Doorbell) -> usize {
        let (config, ledger) = (Arc::clone(&self.config), self.ledger.clone());
        let env = Environment::new("w".to_owned(), config, ledger, doorbell, Clock::system()).unwrap();
        lethe_worker::run_due_jobs(env).await
    }

    pub(super) async fn seen(&self, id: JobId) -> JobView {
        self.ledger.job(id).await.unwrap().unwrap()
    }
}
