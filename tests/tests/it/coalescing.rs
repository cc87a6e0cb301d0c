//! Many small deletions share their calls, counted at the servers.

use std::collections::BTreeMap;

use futures::StreamExt;
use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::service::Site;
use lethe_tests::wait;
use serde_json::json;

/// What a thousand deletions may cost in statements, and in calls: ten for each step of a group,
/// instead of one for each memory.
const BUDGET: i64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_single_deletions_cost_tens_of_calls_and_not_thousands() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let (alice, bob) = (memories::of("alice", 1_000), memories::of("bob", 10));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    // Needs shared_preload_libraries = pg_stat_statements.
    site.memories.run("CREATE EXTENSION pg_stat_statements").await;
    let service = site.api().await;
    let _worker = site.worker().await;
    // Its connections and what it reads of the schema are not part of the price.
    let warm = memories::of("carol", 1);
    site.add(&warm).await;
    service.client.succeeds(&json!({"select": {"ids": [warm[0].id]}})).await;
    assert!(service.client.post("/v1/pause").await.status.is_success());
    let submitting = alice.iter().map(|memory| {
        let client = service.client.clone();
        let body = json!({"select": {"ids": [memory.id]}, "owner": "alice"});
        async move { client.submit(&body).await }
    });
    let jobs: Vec<String> = futures::stream::iter(submitting).buffer_unordered(16).collect().await;

    site.tap.reset();
    let own = "dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
    site.memories
        .run("SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()")
        .await;
    assert!(service.client.post("/v1/resume").await.status.is_success());
    wait::until_true("all have ended", || async {
        let ended = service.client.metrics().await;
        ended["lethe_jobs_ended_total{outcome=\"succeeded\"}"] >= 1_001.0
    })
    .await;
    let statements = site
        .memories
        .number(&format!(
            "SELECT COALESCE(SUM(calls), 0)::bigint FROM pg_stat_statements WHERE {own} AND query NOT LIKE '%pg_stat_statements%'"
        ))
        .await;
    let calls: BTreeMap<String, usize> = site.tap.calls();

    let job = service.client.job(&jobs[500]).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 1}, "vector": {"erased": 1}}));
    site.holds(&bob).await;
    assert!((4..=BUDGET).contains(&statements), "{statements} statements");
    let total: usize = calls.values().sum();
    assert!((4..=60).contains(&total), "{calls:?}");
}
