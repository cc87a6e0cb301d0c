//! PostgreSQL reads few pages beside a long queue and a long history, with any statistics about the tables.

use std::collections::BTreeSet;
use std::time::Duration;

use lethe_common::ledger::{
    AloneFirst, Claim, Lapsed, Lease, LeaseCheck, Ledger, NewPartition, RecordEnd, Route, SmallFirst, Whose,
};
use lethe_common::state::State;
use sqlx::{AnyPool, Executor, Row};

use crate::support::{new_job, route};
use crate::{LEASE, TestLedger, accept, claim, end, ended_as, erased, forget, ids, on_postgres, record};

/// Waiting jobs, and as many ended jobs.
const JOBS: &str = "
    INSERT INTO jobs (id, principal, state, kind, target, targets, dry_run, not_before, accepted_at, started_at, ended_at, touched_at, idle_since)
    SELECT s || n, 'p', s, 'ids', 'main', 'main', 0, t, t, t, CASE WHEN s = 'succeeded' THEN t END, t, t
    FROM generate_series(1, 20000) AS n, (VALUES ('queued'), ('succeeded')) AS states (s),
        (SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS t) AS now";

/// Partitions of the waiting jobs.
const PARTITIONS: &str = "
    INSERT INTO partitions (job_id, ordinal, kind, target, table_name, route, stores, weight, state, work, reads_back, size, remaining, due_at)
    SELECT id, 0, 'erase', 'main', 'memories', $1, 'sql', 0, 'due', '{\"ids\":[]}', 1, 1, 1, not_before FROM jobs WHERE ended_at IS NULL";

/// Reads the statistics while the queue is empty, and fills it again.
const GROWN: [&str; 4] = [
    "UPDATE jobs SET state = 'other' WHERE ended_at IS NOT NULL;
    UPDATE jobs SET state = 'succeeded', ended_at = 1 WHERE state = 'queued';
    UPDATE partitions SET state = 'done' WHERE state = 'due';
    ANALYZE",
    "UPDATE partitions SET state = 'due' WHERE job_id IN (SELECT id FROM jobs WHERE state = 'succeeded');
    UPDATE jobs SET state = 'queued', ended_at = NULL WHERE state = 'succeeded';
    UPDATE jobs SET state = 'succeeded' WHERE state = 'other'",
    // It keeps the statistics of columns.
    "VACUUM jobs",
    "VACUUM partitions",
];

/// Tasks of one caller about one target.
const TASKS: &str = "
    INSERT INTO jobs (id, principal, state, kind, target, targets, dry_run, not_before, accepted_at, touched_at, idle_since)
    SELECT gen_random_uuid()::TEXT, 'p', 'queued', 'query', 'main', 'main', 0, t, t, t, t
    FROM generate_series(1, 20000), (SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS t) AS now";

const KEYS: &str = "
    INSERT INTO idempotency (principal, route, key_text, fingerprint, job_id, created_at)
    SELECT 'p', 'r', n, 'f', 'succeeded' || n, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT FROM generate_series(1, 20000) AS n";

/// The maximum number of pages that a statement may read: some levels of some indexes.
const PAGES: i64 = 60;

/// The statements that do the work of several others. Each part may read as many pages as a statement.
const PARTS: [(&str, i64); 2] = [
    // Partitions and their jobs.
    ("ledger::claim and start", 2),
    // Partitions, counts, jobs and totals.
    ("ledger::record ends", 4),
];

/// The statements of one small job, from its acceptance to its end, with `BEGIN` and `COMMIT`: five for the acceptance;
/// one each for the claim, the intent and the record.
const STATEMENTS: i64 = 8;

/// The calls of each statement of the ledger since `RESET`, and of those that begin and end transactions.
const SENT: &str = "
    SELECT COALESCE(substring(query from '^-- (ledger::[a-z_ ]+)'), query) AS name, CAST(SUM(calls) AS BIGINT) AS calls
    FROM pg_stat_statements WHERE (query LIKE '-- ledger::%' OR query IN ('BEGIN', 'COMMIT', 'ROLLBACK'))
      AND query NOT LIKE '%pg_stat_statements%' AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY 1 ORDER BY 1";

/// The pages that each statement of the ledger has read in each call since `RESET`.
const READ: &str = "
    SELECT substring(query from '-- (ledger::[a-z_ ]+)') AS name, (shared_blks_hit + shared_blks_read) / calls AS pages
    FROM pg_stat_statements WHERE query LIKE '-- ledger::%' AND query NOT LIKE '%pg_stat_statements%'
      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";

const RESET: &str =
    "SELECT pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()), 0)";

/// Turns off automatic vacuums: the tables and their statistics stay as a test has made them.
const KEEP: &str = "DO $$ DECLARE name TEXT; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = off)', name);
    END LOOP; END $$";

#[tokio::test]
async fn nothing_to_do_costs_next_to_nothing() {
    let (test, pool) = counting().await;
    fill(&pool).await;
    let day = Duration::from_hours(24);

    forget(&test.ledger, day, day).await;
    test.ledger.drop_abandoned_uploads().await.unwrap();
    test.ledger.give_up().await.unwrap();
    test.ledger.ahead(&[route()]).await.unwrap();
    assert!(test.ledger.tasks(&Whose::All, None, 100).await.unwrap().is_empty());
    // The first event of a connection reads the catalogue about all indexes of the table, which is no work on its rows.
    for _ in 0..8 {
        test.ledger.pause(Some("main"), &crate::tester()).await.unwrap();
    }
    assert!(claim(&test.ledger).await.is_empty());

    let statements = ["forget next", "sweep", "give_up", "ahead", "tasks", "claim"];
    read_little(&pool, "not analysed", &statements).await;
}

/// The state of the tables, and of PostgreSQL's statistics about them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tables {
    /// The tables are empty.
    Empty,
    /// The tables were never analysed.
    New,
    Analysed,
    /// Each row was updated, and no vacuum has run.
    Bloated,
    /// The statistics are from before the queue grew.
    Grown,
}

impl Tables {
    /// All states.
    const ALL: [Self; 5] = [Self::Empty, Self::New, Self::Analysed, Self::Bloated, Self::Grown];

    /// Fills the tables, and puts them into this state.
    pub(crate) async fn prepare(self, pool: &AnyPool, fill: impl Future<Output = ()>) {
        if !matches!(self, Self::Empty) {
            fill.await;
        }
        match self {
            Self::Empty | Self::New => {}
            Self::Analysed => drop(pool.execute("ANALYZE").await.unwrap()),
            Self::Bloated => drop(
                pool.execute("UPDATE jobs SET idle_since = idle_since + 1; UPDATE partitions SET due_at = due_at + 1")
                    .await
                    .unwrap(),
            ),
            Self::Grown => {
                for step in GROWN {
                    pool.execute(step).await.unwrap();
                }
            }
        }
    }
}

#[tokio::test]
async fn a_small_job_reads_little_whatever_is_known_of_the_tables() {
    for tables in Tables::ALL {
        let (test, pool) = counting().await;
        tables.prepare(&pool, fill(&pool)).await;
        // PostgreSQL keeps a plan after five executions on a connection.
        for _ in 0..8 {
            pool.execute(RESET).await.unwrap();
            one_small_job(&test).await;
        }
        let statements = [
            "accept jobs",
            "accept partitions",
            "claim and start",
            "intend",
            "renew",
            "record ends",
            "ahead",
            "small jobs",
            "counts",
        ];
        read_little(&pool, &format!("{tables:?}"), &statements).await;
    }
}

#[tokio::test]
async fn a_small_job_is_few_statements() {
    let (test, pool) = counting().await;
    let ledger = &test.ledger;
    pool.execute(RESET).await.unwrap();
    let lease = begun(ledger).await;
    let after = record(ledger, end(&lease, erased(1), RecordEnd::Gone)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    let rows = pool.fetch_all(SENT).await.unwrap();
    let sent: Vec<(String, i64)> = rows.iter().map(|row| (row.get("name"), row.get("calls"))).collect();
    let calls: i64 = sent.iter().map(|(_, calls)| calls).sum();
    assert_eq!(calls, STATEMENTS, "{sent:?}");
}

#[tokio::test]
async fn the_jobs_of_a_caller_are_read_without_those_of_others_and_no_more_than_are_asked_for() {
    let whose = [
        (Whose::All, 10),
        (Whose::Of("p".to_owned()), 10),
        (Whose::Of("q".to_owned()), 0),
        (
            Whose::OfOrAbout("q".to_owned(), BTreeSet::from(["main".to_owned()])),
            10,
        ),
        (
            Whose::OfOrAbout("q".to_owned(), BTreeSet::from(["other".to_owned()])),
            0,
        ),
    ];
    for tables in [Tables::New, Tables::Analysed] {
        let (test, pool) = counting().await;
        fill(&pool).await;
        pool.execute(TASKS).await.unwrap();
        if matches!(tables, Tables::Analysed) {
            pool.execute("ANALYZE").await.unwrap();
        }
        // PostgreSQL keeps a plan after five executions on a connection.
        for _ in 0..8 {
            for (whose, found) in &whose {
                pool.execute(RESET).await.unwrap();
                let tasks = test.ledger.tasks(whose, None, 10).await.unwrap();
                assert_eq!(tasks.len(), *found, "{whose:?}");
                read_little(&pool, &format!("{tables:?} {whose:?}"), &["tasks"]).await;
            }
            for (principal, jobs) in [("p", 10), ("q", 0)] {
                pool.execute(RESET).await.unwrap();
                let unfinished = test.ledger.unfinished_of(principal, 10, || ()).await.unwrap();
                assert_eq!(unfinished.jobs, jobs);
                read_little(&pool, &format!("{tables:?} {principal}"), &["unfinished of caller"]).await;
            }
        }
    }
}

/// Accepts, claims and ends a job of a mapping that has no other jobs.
async fn one_small_job(test: &TestLedger) {
    let ledger = &test.ledger;
    let lease = begun(ledger).await;
    ledger.renew(&[lease.fence()]).await.unwrap();
    let after = record(ledger, end(&lease, erased(1), RecordEnd::Gone)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    assert!(ledger.small_job(lease.job.id).await.unwrap().is_some());
    ledger.ahead(&[lease.route]).await.unwrap();
}

/// Accepts a job of a mapping that has no other jobs, claims it, and writes an intent.
async fn begun(ledger: &Ledger) -> Lease {
    let route = Route {
        digest: "1".to_owned(),
        ..route()
    };
    let partition = NewPartition {
        route: route.clone(),
        ..ids(1)
    };
    accept(ledger, new_job(vec![partition])).await;
    let routes = [route];
    let order = Claim {
        worker: "w",
        routes: &routes,
        small: 100,
        alone: 8,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    };
    let mut leases = ledger.claim(&order).await.unwrap().leases;
    assert_eq!(leases.len(), 1);
    let lease = leases.remove(0);
    let begun = ledger.intend(&[(&lease, "{}".to_owned())]).await.unwrap();
    assert!(matches!(begun[..], [LeaseCheck::Proceed(_)]));
    lease
}

/// Returns a ledger whose server counts the pages that statements read. No vacuum or analysis runs by itself.
pub(crate) async fn counting() -> (TestLedger, AnyPool) {
    let test = on_postgres(LEASE).await;
    let pool = AnyPool::connect(&test.url).await.unwrap();
    // Needs shared_preload_libraries = pg_stat_statements.
    pool.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        .await
        .unwrap();
    pool.execute(KEEP).await.unwrap();
    (test, pool)
}

async fn fill(pool: &AnyPool) {
    pool.execute(JOBS).await.unwrap();
    pool.execute(KEYS).await.unwrap();
    let partitions = sqlx::query(PARTITIONS).bind(route().to_string());
    partitions.execute(pool).await.unwrap();
}

/// Asserts that each of these statements ran, and that no statement of the ledger read too many pages.
async fn read_little(pool: &AnyPool, tables: &str, statements: &[&str]) {
    let rows = pool.fetch_all(READ).await.unwrap();
    let read: Vec<(String, i64)> = rows.iter().map(|row| (row.get("name"), row.get("pages"))).collect();
    for name in statements {
        assert!(
            read.iter().any(|(read, _)| read.contains(name)),
            "{tables}: {name}: {read:?}"
        );
    }
    let parts = |name: &str| {
        PARTS
            .iter()
            .find(|(of, _)| *of == name.trim())
            .map_or(1, |(_, parts)| *parts)
    };
    let much: Vec<_> = read
        .iter()
        .filter(|(name, pages)| *pages > PAGES * parts(name))
        .collect();
    assert!(much.is_empty(), "{tables}: {much:?}");
}
