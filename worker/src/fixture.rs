//! Jobs, leases and a worker for unit tests.

use std::sync::Arc;
use std::time::Instant;

use lethe_common::clock::Clock;
use lethe_common::config::Config;
use lethe_common::doorbell::Doorbell;
use lethe_common::job::{JobId, StoreKind};
use lethe_common::ledger::{
    AloneFirst, Claim, ExecutionOptions, JobFacts, Kind, Lapsed, Lease, Ledger, LedgerOptions, NewJob, NewPartition,
    Route, Scope, SmallFirst, Work,
};
use tempfile::TempDir;

use crate::lease::Environment;

mod retries;

pub(crate) use retries::counted;

/// Returns a lease of an erasing partition without progress.
pub(crate) fn lease(work: Work) -> Lease {
    let job = JobFacts {
        id: JobId(uuid::Uuid::nil()),
        owner: None,
        workspace: None,
        memory_kind: None,
        subject: None,
        query: None,
        per_second: None,
        batch: None,
        max_memories: None,
        expects: false,
        scheduled: false,
        lenient: false,
        trace: None,
        cancelling: false,
        waited_ms: 0,
        first: false,
        attempt: 1,
        is_single: true,
    };
    Lease {
        job: Arc::new(job),
        ordinal: 0,
        token: 1,
        until: Instant::now(),
        kind: Kind::Erase,
        alias: 0,
        route: route(),
        work,
        progress: None,
        intent: None,
        snapshot: None,
        remaining: 3,
        rescues: 0,
        taken_over: false,
        failures: 0,
        alone: false,
        stores: vec![StoreKind::Sql, StoreKind::Vector],
        siblings: 0,
    }
}

/// Returns a lease of a whole subject, with this token.
pub(crate) fn lease_with(token: i64) -> Lease {
    let lease = lease(Work::Subject);
    Lease { token, ..lease }
}

fn route() -> Route {
    Route {
        target: "main".to_owned(),
        table: "memories".to_owned(),
        digest: "0".to_owned(),
    }
}

/// Returns a job of one partition: a list of ids.
pub(crate) fn job(ids: Vec<String>) -> NewJob {
    let partition = NewPartition {
        kind: Kind::Erase,
        route: route(),
        stores: vec![StoreKind::Sql, StoreKind::Vector],
        alias: 0,
        remaining: ids.len() as u64,
        work: Work::Ids(ids.into()),
    };
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
        partitions: vec![partition],
    }
}

/// Returns the claim of a worker that takes any due partition of `routes`.
pub(crate) fn claim(routes: &[Route]) -> Claim<'_> {
    Claim {
        worker: "w",
        routes,
        siblings: 0,
        small: 100,
        alone: 100,
        lapsed: Lapsed::Counts,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    }
}

/// Returns the URL of the ledger in a directory.
pub(crate) fn ledger_url(directory: &TempDir) -> String {
    format!("sqlite://{}?mode=rwc", directory.path().join("ledger.sqlite").display())
}

/// Returns the configuration of a target with one table.
pub(crate) fn one_table() -> Config {
    let text = r#"[[target]]
        name = "main"
        sql = { url = "postgres://db/x" }
        [[target.table]]
        name = "memories"
        columns = { id = "id" }"#;
    Config::from_toml(text).unwrap()
}

/// Returns a worker without targets, over an empty ledger in the directory.
pub(crate) async fn worker() -> (TempDir, Environment) {
    worker_of(Config::default()).await
}

/// Returns a worker over an empty ledger in the directory.
pub(crate) async fn worker_of(config: Config) -> (TempDir, Environment) {
    let directory = tempfile::tempdir().unwrap();
    let config = Arc::new(config);
    let ledger = Ledger::open(LedgerOptions {
        url: ledger_url(&directory).into(),
        ..LedgerOptions::from(&*config)
    })
    .unwrap();
    ledger.migrate().await.unwrap();
    let env = Environment::new("w".to_owned(), config, ledger, Doorbell::local(), Clock::system()).unwrap();
    (directory, env)
}

/// Accepts jobs of one id each, and claims them together.
pub(crate) async fn claimed(env: &Environment, jobs: usize) -> Vec<Lease> {
    for n in 0..jobs {
        env.ledger.accept(job(vec![n.to_string()])).await.unwrap();
    }
    let leases = env.claim(&claim(&[route()])).await.unwrap();
    assert_eq!(leases.len(), jobs);
    leases
}
