//! A worker's work with its stores and its ledger in one process: what a job looks like at its end. Nothing is waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use lethe_common::clock::Clock;
use lethe_common::config::{Config, Retry, Target};
use lethe_common::doorbell::Doorbell;
use lethe_common::job::{JobId, Subject};
use lethe_common::ledger::{Accepted, JobView, Kind, Ledger, LedgerOptions, Manner, NewJob, NewPartition, Scope};
use lethe_common::state::State;
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

/// How long what failed has to wait, at most: by chance it is less, and no test takes that long.
const NOT_DURING_A_TEST: Duration = Duration::from_hours(8_760);

/// One table with its collection, and a ledger.
struct World {
    config: Arc<Config>,
    ledger: Ledger,
    client: Qdrant,
    _stop: DropGuard,
    directory: tempfile::TempDir,
}

impl World {
    async fn start(collection: Value) -> Self {
        Self::over(
            "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT NOT NULL);
             INSERT INTO memories VALUES ('a1', 'ana'), ('a2', 'ana'), ('a3', 'ana'), ('b1', 'bob')",
            json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}, "collection": collection}),
        )
        .await
    }

    /// Starts with rows made by statements, and their mapping.
    async fn over(rows: &'static str, table: Value) -> Self {
        Self::over_all(rows, json!([table])).await
    }

    /// Starts with the rows of several tables.
    async fn over_all(rows: &'static str, tables: Value) -> Self {
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
            .build()
            .unwrap();
        let params = VectorParamsBuilder::new(2, Distance::Dot);
        client
            .create_collection(CreateCollectionBuilder::new("memories").vectors_config(params))
            .await
            .unwrap();
        sqlx::any::install_default_drivers();
        let file = |name: &str| format!("sqlite://{}?mode=rwc", directory.path().join(name).display());
        let pool = sqlx::AnyPool::connect(&file("memories.sqlite")).await.unwrap();
        pool.execute(sqlx::raw_sql(rows)).await.unwrap();
        pool.close().await;
        let target: Target = serde_json::from_value(json!({
            "name": "main",
            "sql": {"url": file("memories.sqlite")},
            "vector": {"url": vectors, "api_key": KEY},
            "table": tables,
        }))
        .unwrap();
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

    async fn add_points(&self, points: impl IntoIterator<Item = (Uuid, Value)>) {
        let points: Vec<PointStruct> = points
            .into_iter()
            .map(|(id, payload)| PointStruct::new(id.to_string(), vec![0.5, 0.5], Payload::try_from(payload).unwrap()))
            .collect();
        self.client
            .upsert_points(UpsertPointsBuilder::new("memories", points).wait(true))
            .await
            .unwrap();
    }

    async fn points(&self) -> u64 {
        let count = self.client.count(CountPointsBuilder::new("memories").exact(true));
        count.await.unwrap().result.unwrap().count
    }

    /// Erases a person, and returns the job at its end.
    async fn erase(&self, user: &str) -> JobView {
        let target = &self.config.targets[0];
        let subject = Subject {
            user_id: Some(user.to_owned()),
            ..Subject::default()
        };
        self.run(NewJob {
            subject: Some(subject),
            partitions: vec![NewPartition::subject(target, &target.tables[0], 0, false)],
            ..Self::job()
        })
        .await
    }

    /// Erases memories by their ids, and returns the job at its end.
    async fn erase_ids(&self, ids: &[&str], kind: Option<&str>) -> JobView {
        let target = &self.config.targets[0];
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        self.run(NewJob {
            memory_kind: kind.map(str::to_owned),
            partitions: vec![NewPartition::ids(target, &target.tables[0], ids, Kind::Erase)],
            ..Self::job()
        })
        .await
    }

    /// Returns a job with nothing to do.
    fn job() -> NewJob {
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
            manner: Manner::default(),
            not_before: None,
            trace: None,
            partitions: Vec::new(),
        }
    }

    /// Runs a job, and returns it at its end.
    async fn run(&self, job: NewJob) -> JobView {
        let id = self.accept(job).await;
        self.work(id).await
    }

    async fn accept(&self, job: NewJob) -> JobId {
        let Accepted::New(id) = self.ledger.accept(job).await.unwrap() else {
            panic!("a job without a key is new")
        };
        id
    }

    /// Runs a statement past the ledger.
    async fn in_ledger(&self, sql: &'static str) {
        self.in_file("ledger.sqlite", sql).await;
    }

    /// Runs a statement where the rows are.
    async fn in_memories(&self, sql: &'static str) {
        self.in_file("memories.sqlite", sql).await;
    }

    async fn in_file(&self, name: &str, sql: &'static str) {
        let file = self.directory.path().join(name);
        let pool = sqlx::AnyPool::connect(&format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        pool.execute(sqlx::raw_sql(sql)).await.unwrap();
        pool.close().await;
    }

    /// Works on what is due, and returns a job that has ended by it.
    async fn work(&self, id: JobId) -> JobView {
        self.run_due_jobs().await;
        let job = self.seen(id).await;
        assert!(job.state.is_ended(), "{job:?}");
        job
    }

    /// Works on what is due, as a worker that has just started.
    async fn run_due_jobs(&self) -> usize {
        let (config, ledger) = (Arc::clone(&self.config), self.ledger.clone());
        let env = Environment::new("w".to_owned(), config, ledger, Doorbell::local(), Clock::system()).unwrap();
        lethe_worker::run_due_jobs(env).await
    }

    async fn seen(&self, id: JobId) -> JobView {
        self.ledger.job(id).await.unwrap().unwrap()
    }
}

fn counts<'a>(job: &'a JobView, store: &str) -> Vec<(&'a str, u64)> {
    let store = job.stores.iter().find(|counts| counts.store.as_str() == store).unwrap();
    store.counts.iter().map(|(outcome, n)| (outcome.as_str(), *n)).collect()
}

#[tokio::test]
async fn a_point_whose_memory_cannot_be_told_is_left_and_counted_once() {
    // Nothing leads from such a point back to its memory.
    let world = World::start(json!({"name": "memories", "point": "uuid5", "payload": {"user": "user"}})).await;
    let point = |id: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes());
    let of = |id: &str, user: &str| (point(id), json!({"user": user}));
    world
        .add_points([of("a1", "ana"), of("a2", "ana"), of("a3", "ana"), of("b1", "bob")])
        .await;
    // Of no row.
    world.add_points([of("a4", "ana")]).await;

    let job = world.erase("ana").await;

    assert_eq!(
        (job.state, job.error_code.as_deref(), job.selected),
        (State::Failed, Some("unverifiable"), 4)
    );
    assert_eq!(counts(&job, "vector"), [("erased", 3), ("unverifiable", 1)]);
    assert_eq!(counts(&job, "sql"), [("absent", 1), ("erased", 3)]);
    assert_eq!(
        world.points().await,
        2,
        "bob's, and the one of which nobody can say whose it is"
    );
}

#[tokio::test]
async fn points_without_a_way_back_go_with_their_rows() {
    let world = World::start(json!({"name": "memories", "point": "uuid5", "payload": {"user": "user"}})).await;
    let point = |id: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes());
    let of = |id: &str, user: &str| (point(id), json!({"user": user}));
    world
        .add_points([of("a1", "ana"), of("a2", "ana"), of("a3", "ana"), of("b1", "bob")])
        .await;

    let job = world.erase("ana").await;

    assert_eq!((job.state, job.selected), (State::Succeeded, 3), "{:?}", job.error_code);
    assert_eq!(counts(&job, "vector"), [("erased", 3)]);
    assert_eq!(world.points().await, 1);
}

#[tokio::test]
async fn a_job_with_one_id_says_which_version_it_erased() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY, kind TEXT, v INTEGER);
         INSERT INTO memories VALUES ('1', 'working', 6), ('2', 'long-term', 7), ('3', 'working', 8), ('4', 'working', 9)",
        json!({"name": "memories", "columns": {"id": "id", "kind": "kind", "version": "v"}}),
    )
    .await;

    let job = world.erase_ids(&["1"], Some("working")).await;
    assert_eq!((job.state, job.version_erased), (State::Succeeded, Some(6)));
    assert_eq!(counts(&job, "sql"), [("erased", 1)]);

    // Of another kind: there is no such memory.
    let job = world.erase_ids(&["2"], Some("working")).await;
    assert_eq!((job.state, job.version_erased), (State::Succeeded, None));
    assert_eq!(counts(&job, "sql"), [("absent", 1)]);

    let job = world.erase_ids(&["3", "4"], Some("working")).await;
    assert_eq!((job.state, job.version_erased), (State::Succeeded, None));
    assert_eq!(counts(&job, "sql"), [("erased", 2)]);
}

#[tokio::test]
async fn a_point_that_spells_a_uuid_as_the_row_of_another_table_does_is_that_rows() {
    const DIGITS: &str = "0190a0a000007000800000000000000a";
    let collection = json!({"name": "memories", "point": "payload", "payload": {"id": "of"}});
    let world = World::over_all(
        "CREATE TABLE memories (id CHAR(32) PRIMARY KEY);
         CREATE TABLE old (id TEXT PRIMARY KEY);
         INSERT INTO old VALUES ('0190a0a000007000800000000000000a')",
        json!([
            {"name": "memories", "columns": {"id": "id", "uuids": "hex"}, "collection": collection},
            {"name": "old", "columns": {"id": "id"}, "collection": collection},
        ]),
    )
    .await;
    let point = |n: u128| Uuid::from_u128(n);
    world.add_points([(point(1), json!({"of": DIGITS}))]).await;
    let hyphens = Uuid::parse_str(DIGITS).unwrap().to_string();

    let job = world.erase_ids(&[&hyphens], None).await;

    assert_eq!((job.state, world.points().await), (State::Succeeded, 1));
    assert_eq!(counts(&job, "vector"), [("absent", 1)]);
    // Of no row, either spelling goes.
    let none = Uuid::from_u128(7);
    world
        .add_points([
            (point(2), json!({"of": none.to_string()})),
            (point(3), json!({"of": none.simple().to_string()})),
        ])
        .await;
    let job = world.erase_ids(&[&none.to_string()], None).await;
    assert_eq!((job.state, world.points().await), (State::Succeeded, 1));
}

#[tokio::test]
async fn spellings_of_bytes_are_one_memory() {
    for (uuids, spellings) in [
        ("text", ["abcd", "ABCD", "aBcD"]),
        (
            "bytes",
            [
                "0190a0a000007000800000000000000a",
                "0190A0A0-0000-7000-8000-00000000000A",
                "0190A0A000007000800000000000000A",
            ],
        ),
    ] {
        let world = World::over(
            "CREATE TABLE memories (id BLOB PRIMARY KEY, user_id TEXT);
             INSERT INTO memories VALUES (x'abcd', 'ana'), (x'0190a0a000007000800000000000000a', 'ana')",
            json!({
                "name": "memories",
                "columns": {"id": "id", "user": "user_id", "uuids": uuids},
                "collection": {"name": "memories", "point": "payload", "payload": {"id": "of"}},
            }),
        )
        .await;
        world
            .add_points([(Uuid::from_u128(1), json!({"of": spellings[0]}))])
            .await;

        let job = world.erase_ids(&spellings, None).await;

        assert_eq!((job.state, world.points().await), (State::Succeeded, 0), "{uuids}");
        for store in ["sql", "vector"] {
            assert_eq!(counts(&job, store), [("absent", 2), ("erased", 1)], "{uuids} {store}");
        }
    }
}

#[tokio::test]
async fn what_failed_is_left_until_its_time_and_then_goes_on() {
    let world = World::over(
        "CREATE TABLE memories (id TEXT PRIMARY KEY); INSERT INTO memories VALUES ('1'), ('2')",
        json!({"name": "memories", "columns": {"id": "id"}}),
    )
    .await;
    world.in_memories("ALTER TABLE memories RENAME TO elsewhere").await;
    let target = &world.config.targets[0];
    let ids = vec!["1".to_owned(), "2".to_owned()];
    let partition = NewPartition::ids(target, &target.tables[0], ids, Kind::Erase);
    let id = world
        .accept(NewJob {
            partitions: vec![partition],
            ..World::job()
        })
        .await;

    assert_eq!(world.run_due_jobs().await, 1);
    let job = world.seen(id).await;
    assert_eq!(
        (job.state, job.error_code.as_deref()),
        (State::Running, Some("mapping"))
    );
    world.in_memories("ALTER TABLE elsewhere RENAME TO memories").await;
    assert_eq!(world.run_due_jobs().await, 0, "it is not due yet");
    world.in_ledger("UPDATE partitions SET due_at = 0").await;
    let job = world.work(id).await;
    assert_eq!(job.state, State::Succeeded);
    assert_eq!(counts(&job, "sql"), [("erased", 2)]);
    assert_eq!(world.run_due_jobs().await, 0);
}

#[tokio::test]
async fn a_batch_that_had_begun_and_cannot_be_read_fails() {
    let world = World::start(json!({"name": "memories", "point": "uuid5", "payload": {"user": "user"}})).await;
    let target = &world.config.targets[0];
    // As a retry makes it: of that batch alone.
    let partition = NewPartition::ids(target, &target.tables[0], Vec::new(), Kind::Erase);
    let job = NewJob {
        partitions: vec![partition],
        ..World::job()
    };
    let id = world.accept(job).await;
    world.in_ledger("UPDATE partitions SET intent = '{'").await;
    let job = world.work(id).await;
    assert_eq!((job.state, job.error_code.as_deref()), (State::Failed, Some("corrupt")));
}
