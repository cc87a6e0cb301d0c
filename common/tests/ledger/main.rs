//! The ledger on real databases: always SQLite, and PostgreSQL at `LETHE_TEST_POSTGRES_URL`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use lethe_common::job::{JobId, Subject};
use lethe_common::ledger::{
    Accepted, Actor, After, AloneFirst, Claim, Delta, Kept, Kind, Lapsed, Lease, Ledger, LedgerOptions, NewJob,
    NewPartition, Record, RecordEnd, Route, SmallFirst, Work,
};
use lethe_common::state::State;
use sqlx::{AssertSqlSafe, Executor};
use support::{erased, ids, new_job, route};

/// Forgets all data whose retention has passed.
async fn forget(ledger: &Ledger, items: Duration, jobs: Duration) {
    let keys = Duration::from_hours(24);
    let kept = Kept {
        items,
        jobs,
        keys,
        audit: keys,
        receipts: keys,
    };
    while ledger.forget(kept).await.unwrap().more {}
}

/// A test's own ledger.
struct TestLedger {
    ledger: Ledger,
    url: String,
    _dir: tempfile::TempDir,
}

impl TestLedger {
    /// Opens the ledger once more, with another `give_up_after`.
    fn giving_up_after(&self, give_up_after: Duration) -> Ledger {
        Ledger::open(LedgerOptions {
            give_up_after,
            ..options(self.url.clone(), LEASE)
        })
        .unwrap()
    }

    /// Runs a statement directly on the database.
    async fn run(&self, sql: impl Into<String>) -> u64 {
        let pool = sqlx::AnyPool::connect(&self.url).await.unwrap();
        let done = pool.execute(AssertSqlSafe(sql.into())).await.unwrap();
        pool.close().await;
        done.rows_affected()
    }
}

impl TestLedger {
    /// Lets time pass: moves all timestamps back by `ms` milliseconds.
    async fn pass(&self, ms: i64) {
        let pool = sqlx::AnyPool::connect(&self.url).await.unwrap();
        for (table, columns) in [
            (
                "jobs",
                vec![
                    "accepted_at",
                    "not_before",
                    "started_at",
                    "progressed_at",
                    "sampled_at",
                    "throttled_till",
                    "reserved_at",
                    "idle_since",
                ],
            ),
            ("partitions", vec!["due_at"]),
            ("pauses", vec!["paused_at"]),
            ("past_pauses", vec!["paused_at", "resumed_at"]),
            ("workers", vec!["started_at", "last_seen_at"]),
            ("api_keys", vec!["expires_at", "previous_until"]),
        ] {
            let earlier: Vec<String> = columns
                .iter()
                .map(|column| format!("{column} = {column} - {ms}"))
                .collect();
            let text = format!("UPDATE {table} SET {}", earlier.join(", "));
            pool.execute(AssertSqlSafe(text)).await.unwrap();
        }
        pool.close().await;
    }

    /// Returns the time, in milliseconds since 1970.
    fn now() -> i64 {
        lethe_common::clock::to_millis(lethe_common::clock::Clock::system().now())
    }
}

fn options(url: String, lease: Duration) -> LedgerOptions {
    LedgerOptions {
        url: url.into(),
        max_connections: 4,
        lease,
        max_rounds: 2,
        give_up_after: Duration::from_hours(1),
        rescues: 2,
        due_soon: Duration::from_hours(168),
    }
}

async fn on_sqlite(lease: Duration) -> TestLedger {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", dir.path().join("ledger.sqlite").display());
    let ledger = Ledger::open(options(url.clone(), lease)).unwrap();
    ledger.migrate().await.unwrap();
    TestLedger { ledger, url, _dir: dir }
}

async fn on_postgres(lease: Duration) -> TestLedger {
    #[expect(clippy::disallowed_methods, reason = "tests are told where their servers are")]
    let server = std::env::var("LETHE_TEST_POSTGRES_URL").expect("tests/run starts PostgreSQL and names it here");
    let name = format!("ledger_{}", JobId::new().0.simple());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&server).await.unwrap();
    pool.execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let url = server.split_once('?').map_or(server.as_str(), |(base, _)| base);
    let (base, _) = url.rsplit_once('/').expect("a URL that names a database");
    let url = format!("{base}/{name}");
    let ledger = Ledger::open(options(url.clone(), lease)).unwrap();
    ledger.migrate().await.unwrap();
    TestLedger {
        ledger,
        url,
        _dir: tempfile::tempdir().unwrap(),
    }
}

/// Runs each test on both databases.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::on_sqlite(crate::LEASE).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::on_postgres(crate::LEASE).await).await;
            })+
        }
    };
}
use on_both;

mod accepting;
mod attempts;
mod audit;
mod backlog;
mod cancelling;
mod course;
mod deadlines;
mod due;
mod glances;
mod held;
mod holds;
mod joining;
mod keys;
mod leases;
mod limits;
mod listed;
mod lists;
mod log;
mod marks;
mod matching;
mod phases;
mod plans;
mod query;
mod quiet;
mod receipts;
mod refusing;
mod repeats;
mod schedules;
mod sections;
mod sharing;
mod siblings;
mod skipping;
mod slices;
mod targets;
mod tasks;
mod together;
mod totals;
mod traces;
mod waits;
mod workers;

const LEASE: Duration = Duration::from_secs(30);

/// Returns a job about a person, with so many planning partitions.
fn subject_job(plans: usize) -> NewJob {
    let plan = NewPartition {
        kind: Kind::Plan,
        alias: 0,
        work: Work::Subject,
        remaining: 0,
        ..ids(0)
    };
    let subject = Subject {
        user_id: Some("ana".to_owned()),
        ..Subject::default()
    };
    NewJob {
        subject: Some(subject),
        ..new_job(vec![plan; plans])
    }
}

async fn accept(ledger: &Ledger, job: NewJob) -> JobId {
    match ledger.accept(job).await.unwrap() {
        Accepted::New(id) => id,
        other => panic!("{other:?}"),
    }
}

async fn claim(ledger: &Ledger) -> Vec<Lease> {
    claim_of(ledger, &[route()]).await
}

/// Claims all due partitions of these mappings.
async fn claim_of(ledger: &Ledger, routes: &[Route]) -> Vec<Lease> {
    let order = Claim {
        worker: "w",
        routes,
        small: 100,
        alone: 100,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    };
    ledger.claim(&order).await.unwrap().leases
}

async fn claim_one(ledger: &Ledger) -> Lease {
    let mut leases = claim(ledger).await;
    assert_eq!(leases.len(), 1);
    leases.remove(0)
}

fn end(lease: &Lease, delta: Delta, end: RecordEnd) -> Record<'_> {
    Record {
        lease,
        delta,
        progress: None,
        remaining: lease.remaining,
        end: Some(end),
    }
}

async fn record(ledger: &Ledger, record: Record<'_>) -> After {
    ledger.record(&[record]).await.unwrap().remove(0)
}

/// Returns the final state of the job, if this record ended it.
fn ended_as(after: &After) -> Option<State> {
    match after {
        After::JobEnded { state, .. } => Some(*state),
        _ => None,
    }
}

/// Records a lease as done, and the following read-back as free of residue.
async fn finish(ledger: &Ledger, lease: &Lease) -> After {
    let n = lease.remaining;
    match record(ledger, end(lease, erased(n), RecordEnd::Done)).await {
        After::ReadBack { lease, .. } => record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await,
        other => other,
    }
}

async fn state(ledger: &Ledger, id: JobId) -> State {
    ledger.job(id).await.unwrap().unwrap().state
}

async fn total(ledger: &Ledger, metric: &str, outcome: &str) -> u64 {
    let rows = ledger.totals().await.unwrap();
    rows.iter()
        .filter(|row| row.metric == metric && row.outcome == outcome && row.store != "vector")
        .map(|r| r.n)
        .sum()
}

/// Returns the actor of tests.
pub(crate) fn tester() -> Actor {
    Actor::named("tester")
}
