//! Many small deletions share their calls, counted at the servers.

use std::collections::BTreeMap;

use futures::StreamExt;
use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::service::Site;
use lethe_tests::wait;
use serde_json::json;

/// The budget of a thousand deletions, in statements and in calls: ten for each step of a group, instead of one for
/// each memory.
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
    // A first job opens the connections and reads the schema, which the budget excludes.
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
    assert!((3..=BUDGET).contains(&statements), "{statements} statements");
    let total: usize = calls.values().sum();
    assert!((3..=60).contains(&total), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shares_calls_keeps_its_own_conditions_and_counts() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let (alice, bob) = (memories::of("alice", 40), memories::of("bob", 40));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    let service = site.api().await;
    let _worker = site.worker().await;
    assert!(service.client.post("/v1/pause").await.status.is_success());
    let submit = async |id: &str, owner: &str| {
        let body = json!({"select": {"ids": [id]}, "owner": owner});
        service.client.submit(&body).await
    };
    let (mut right, mut wrong, mut twice) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..20 {
        right.push(submit(&alice[n].id, "alice").await);
        wrong.push(submit(&bob[n].id, "alice").await);
        // Two jobs select the same memory: one of them erases it.
        let pair = [
            submit(&bob[20 + n].id, "bob").await,
            submit(&bob[20 + n].id, "bob").await,
        ];
        twice.push(pair);
    }
    site.tap.reset();
    assert!(service.client.post("/v1/resume").await.status.is_success());

    for id in right {
        let job = service.client.ended(&id).await;
        assert_eq!(counts(&job), json!({"sql": {"erased": 1}, "vector": {"erased": 1}}));
    }
    for id in wrong {
        let job = service.client.ended(&id).await;
        assert_eq!(counts(&job), json!({"sql": {"absent": 1}, "vector": {"absent": 1}}));
    }
    for pair in twice {
        let mut erased = 0;
        for id in pair {
            erased += counts(&service.client.ended(&id).await)["sql"]["erased"]
                .as_u64()
                .unwrap_or(0);
        }
        assert_eq!(erased, 1, "a row is erased once");
    }
    site.holds(&[&alice[20..], &bob[..20]].concat()).await;
    let total: usize = site.tap.calls().values().sum();
    assert!(total <= 60, "they did share their calls: {:?}", site.tap.calls());
}
