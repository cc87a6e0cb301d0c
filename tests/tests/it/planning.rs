//! Planning of large jobs: ranges come from a sample of the keys, where the database draws one.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory};
use lethe_tests::service::Site;
use serde_json::{Value, json};

/// Enough for a sample: ten ranges, and the first.
const ROWS: usize = 120_000;

async fn site() -> Site {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
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

/// Adds rows of ana's without vectors, and memories of bob's.
async fn add(site: &Site) -> Vec<Memory> {
    let bob = memories::of("bob", 500);
    site.memories.add(&memories::of("ana", ROWS)).await;
    site.add(&bob).await;
    site.memories.run("ANALYZE agno_memories").await;
    bob
}

async fn is_erased(site: &Site, job: &Value, bob: &[Memory]) {
    site.holds(bob).await;
    let (rows, vectors) = (json!({"erased": ROWS}), json!({"absent": ROWS}));
    assert_eq!(counts(job), json!({"sql": rows, "vector": vectors}));
    assert_eq!((&job["selected"], &job["remaining"]), (&json!(ROWS), &json!(0)));
    assert_eq!((calls(site, "sample").await > 0, calls(site, "nth").await), (true, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_cut_by_a_sample_within_its_limit() {
    let site = site().await;
    let bob = add(&site).await;
    let service = site.start().await;
    let job = |limit: usize| json!({"select": {"query": {"eq": {"user_id": "ana"}}}, "limit": limit});

    let id = service.client.submit(&job(ROWS - 1)).await;
    let refused = service.client.ended(&id).await;
    assert_eq!(
        (&refused["state"], &refused["error_code"]),
        (&json!("failed"), &json!("limit_exceeded"))
    );
    assert_eq!(
        site.memories.number("SELECT count(*) FROM agno_memories").await,
        i64::try_from(ROWS + 500).unwrap()
    );

    let erased = service.client.succeeds(&job(ROWS)).await;
    is_erased(&site, &erased, &bob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_cut_by_a_sample() {
    let site = site().await;
    let bob = add(&site).await;
    let service = site.start().await;
    let erased = service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "ana"}}}))
        .await;
    is_erased(&site, &erased, &bob).await;
}
