//! How a large job is cut: by a sample of its keys where the database draws one.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::service::Site;
use serde_json::{Value, json};

/// Enough for dozens of ranges of ten batches.
const ROWS: usize = 6_000;
const BATCH: u32 = 10;

async fn site() -> Site {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("worker.batch", BATCH));
    // Needs shared_preload_libraries = pg_stat_statements.
    site.memories.run("CREATE EXTENSION pg_stat_statements").await;
    site
}

async fn calls(site: &Site, statement: &str) -> i64 {
    let own = "dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
    site.memories
        .number(&format!(
            "SELECT COALESCE(SUM(calls), 0)::bigint FROM pg_stat_statements
             WHERE {own} AND query LIKE '%store::sql::{statement}%' AND query NOT LIKE '%pg_stat_statements%'"
        ))
        .await
}

async fn erases(site: &Site, select: Value) {
    let (ana, bob) = (memories::of("ana", ROWS), memories::of("bob", 500));
    site.add(&[ana, bob.clone()].concat()).await;
    let service = site.start().await;

    let job = service.client.succeeds(&json!({"select": select})).await;

    site.holds(&bob).await;
    let expected = json!({"erased": ROWS});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}));
    assert_eq!((&job["selected"], &job["remaining"]), (&json!(ROWS), &json!(0)));
    assert_eq!((calls(site, "sample").await, calls(site, "nth").await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_cut_by_a_sample() {
    erases(&site().await, json!({"query": {"eq": {"user_id": "ana"}}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_cut_by_a_sample() {
    erases(&site().await, json!({"subject": {"user_id": "ana"}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_held_against_the_count_before_anything_is_touched() {
    let site = site().await;
    let ana = memories::of("ana", ROWS);
    site.add(&ana).await;
    let service = site.start().await;
    let query = json!({"query": {"eq": {"user_id": "ana"}}});

    let limited = json!({"select": query, "limit": ROWS - 1});
    let id = service.client.submit(&limited).await;
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("limit_exceeded"))
    );
    site.holds(&ana).await;
    service.client.succeeds(&json!({"select": query, "limit": ROWS})).await;
    site.holds(&[]).await;
}
