//! What PostgreSQL reads for housekeeping beside a long queue and a long history, when nothing is to be done: next to
//! nothing, on tables that it has not analysed.

use std::time::Duration;

use sqlx::{AnyPool, Executor, Row};

use crate::support::route;
use crate::{LEASE, claim, forget, on_postgres};

/// Jobs that wait, and as many that have ended.
const JOBS: &str = "
    INSERT INTO jobs (id, principal, state, kind, target, targets, dry_run, not_before, accepted_at, started_at, ended_at, touched_at, idle_since)
    SELECT s || n, 'p', s, 'ids', 'main', 'main', 0, t, t, t, CASE WHEN s = 'succeeded' THEN t END, t, t
    FROM generate_series(1, 20000) AS n, (VALUES ('queued'), ('succeeded')) AS states (s),
        (SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS t) AS now";

/// Partitions of the jobs that wait.
const PARTITIONS: &str = "
    INSERT INTO partitions (job_id, ordinal, kind, target, table_name, route, stores, weight, state, work, reads_back, size, remaining, due_at)
    SELECT id, 0, 'erase', 'main', 'memories', $1, 'sql', 0, 'due', '{\"ids\":[]}', 1, 1, 1, not_before FROM jobs WHERE ended_at IS NULL";

const KEYS: &str = "
    INSERT INTO idempotency (principal, route, key_text, fingerprint, job_id, created_at)
    SELECT 'p', 'r', n, 'f', 'succeeded' || n, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT FROM generate_series(1, 20000) AS n";

/// The most pages of one statement: some levels of some indexes.
const PAGES: i64 = 60;

#[tokio::test]
async fn nothing_to_do_costs_next_to_nothing() {
    let test = on_postgres(LEASE).await;
    let pool = AnyPool::connect(&test.url).await.unwrap();
    for statement in [
        // Needs shared_preload_libraries = pg_stat_statements.
        "CREATE EXTENSION pg_stat_statements",
        JOBS,
        KEYS,
    ] {
        pool.execute(statement).await.unwrap();
    }
    sqlx::query(PARTITIONS)
        .bind(route().to_string())
        .execute(&pool)
        .await
        .unwrap();
    let day = Duration::from_hours(24);

    forget(&test.ledger, day, day).await;
    test.ledger.drop_abandoned_uploads().await.unwrap();
    test.ledger.give_up().await.unwrap();
    test.ledger.ahead().await.unwrap();
    test.ledger.pause(Some("main"), &crate::tester()).await.unwrap();
    assert!(claim(&test.ledger).await.is_empty());

    let read =
        "SELECT substring(query from '-- (ledger::[a-z_ ]+)') AS name, shared_blks_hit + shared_blks_read AS pages
        FROM pg_stat_statements WHERE query LIKE '-- ledger::%' AND query NOT LIKE '%pg_stat_statements%'
          AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let rows = pool.fetch_all(read).await.unwrap();
    let read: Vec<(String, i64)> = rows.iter().map(|row| (row.get("name"), row.get("pages"))).collect();
    for name in [
        "forget due",
        "forget jobs",
        "forget keys",
        "sweep",
        "give_up",
        "ahead",
        "claim",
    ] {
        assert!(read.iter().any(|(read, _)| read.contains(name)), "{name}: {read:?}");
    }
    let much: Vec<_> = read.iter().filter(|(_, pages)| *pages > PAGES).collect();
    assert!(much.is_empty(), "{much:?}");
}
