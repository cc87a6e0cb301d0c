//! An idle service asks the ledger for work, and for little else.

use lethe_tests::layout::Layout;
use lethe_tests::service::Site;
use lethe_tests::wait;
use sqlx::postgres::PgPool;

/// The time without work, in milliseconds: many looks, and some reports of each worker.
const QUIET: i64 = 30_000;

const RESET: &str = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()";

/// The statements that processes sent, with their calls. The statements of a new connection do not count.
const SENT: &str = "
    SELECT COALESCE(substring(query from '-- (ledger::[a-z_ ]+)'), query), calls FROM pg_stat_statements
    WHERE (query LIKE '-- ledger::%' OR query IN ('BEGIN', 'COMMIT', 'ROLLBACK'))
      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Returns the time of the older of the workers' last reports.
async fn reported(ledger: &PgPool) -> i64 {
    let last = sqlx::query_scalar("SELECT MIN(last_seen_at) FROM workers");
    last.fetch_one(ledger).await.unwrap()
}

// Two workers look once a second each. Two looks and one other statement a second are the most that an idle service of
// this size may send.
#[tokio::test(flavor = "multi_thread")]
async fn without_work_there_is_one_other_statement_for_two_looks_at_most() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let _service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    // Needs shared_preload_libraries = pg_stat_statements.
    sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        .execute(&ledger)
        .await
        .unwrap();
    sqlx::query(RESET).execute(&ledger).await.unwrap();
    let until = reported(&ledger).await + QUIET;
    wait::until_true("nothing happens", || async { reported(&ledger).await >= until }).await;

    let sent: Vec<(String, i64)> = sqlx::query_as(SENT).fetch_all(&ledger).await.unwrap();
    let calls = |is_look: bool| -> i64 {
        let some = sent.iter().filter(|(name, _)| (name == "ledger::ahead") == is_look);
        some.map(|(_, calls)| calls).sum()
    };
    assert!(calls(true) > 10 && calls(false) * 2 <= calls(true), "{sent:?}");
}
