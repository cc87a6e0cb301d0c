//! Databases and vector stores that go down and come back: jobs wait, and then succeed.

use lethe_tests::client::counts;
use lethe_tests::cut::Cut;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::postgres::Postgres;
use lethe_tests::service::{Servers, Site};
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::{on_both_databases, wait};
use reqwest::{Method, StatusCode};
use serde_json::json;

on_both_databases!(a_vector_store_that_is_down_for_a_while_costs_no_attempt);

async fn a_vector_store_that_is_down_for_a_while_costs_no_attempt(layout: Layout) {
    let mut site = Site::with_own_vectors(layout).await;
    site.configure(|config| config.set("worker.batch", 20));
    let all = memories::of("alice", 400);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 4, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    site.vectors.kill();
    deletion.release();
    let waiting = service
        .client
        .when(&id, "it waits for the store", |job| {
            job["error_code"].is_string() && job["next_attempt_at"].is_string()
        })
        .await;
    assert_eq!(
        (&waiting["state"], &waiting["attempt"]),
        (&json!("running"), &json!(1)),
        "{waiting:#}"
    );
    // Another job is accepted meanwhile.
    let more = memories::of("bob", 5);
    site.memories.add(&more).await;
    let later = service.client.submit_ids(&ids(&more)).await;

    site.vectors.restart().await;
    // Before the worker can reach the store, or it might find the rows without vectors.
    site.vectors.add(&more).await;
    site.tap.set_upstream(&site.vectors.url);
    let (job, later) = (service.client.ended(&id).await, service.client.ended(&later).await);

    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("succeeded"), &json!(1)),
        "{job:#}"
    );
    assert_eq!(counts(&job), json!({"sql": {"erased": 400}, "vector": {"erased": 400}}));
    assert_eq!(later["state"], "succeeded", "{later:#}");
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_store_that_does_not_answer_is_waited_for_no_longer_than_its_timeout() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    let cut = Cut::before(site.tap.url().trim_start_matches("http://"));
    let url = site.tap.url();
    site.configure(|config| {
        let config = config.short_leases().set("worker.batch", 20);
        config.replace(&url, &cut.instead_of(&url))
    });
    let all = memories::of("alice", 200);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 3, Side::After);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    cut.stall();
    deletion.release();
    service
        .client
        .when(&id, "it has given up waiting", |job| job["error_code"].is_string())
        .await;
    cut.restore();
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(counts(&job), json!({"sql": {"erased": 200}, "vector": {"erased": 200}}));
    site.holds(&[]).await;
}

/// Starts a test's own PostgreSQL behind a proxy, since a restart changes its port.
async fn own_postgres() -> (Postgres, Cut, Servers) {
    let postgres = Postgres::start().await;
    let cut = Cut::before(&postgres.address());
    let servers = Servers {
        postgres: Some(cut.instead_of(&postgres.url())),
        ..Servers::default()
    };
    (postgres, cut, servers)
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_and_restarted_in_the_middle_loses_nothing() {
    let (mut postgres, cut, servers) = own_postgres().await;
    let mut site = Site::on(Layout::POSTGRES_REDIS, servers).await;
    site.configure(|config| config.short_leases().set("worker.batch", 20));
    let (alice, bob) = (memories::of("alice", 1_000), memories::of("bob", 10));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 6, Side::After);
    let id = service.client.submit_ids(&ids(&alice)).await;
    deletion.caught().await;

    postgres.kill();
    deletion.release();
    // A request that cannot be committed is refused.
    let body = json!({"select": {"ids": ids(&bob)}});
    let request = service.client.request(Method::POST, "/v1/jobs").json(&body);
    let refused = service.client.send(request).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
    assert!(refused.body["type"].is_string(), "{}", refused.text);
    assert_eq!(service.client.get("/livez").await.status, StatusCode::OK);
    assert_eq!(
        service.client.get("/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );

    postgres.restart().await;
    cut.set_upstream(&postgres.address());
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(
        counts(&job),
        json!({"sql": {"erased": 1_000}, "vector": {"erased": 1_000}})
    );
    site.holds(&bob).await;
    wait::until_true("the API is ready again", || async {
        service.client.get("/readyz").await.status == StatusCode::OK
    })
    .await;
    assert_eq!(
        service.client.get("/v1/jobs").await.body["jobs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_cut_off_and_comes_back_loses_nothing() {
    let (_postgres, cut, servers) = own_postgres().await;
    let mut site = Site::on(Layout::POSTGRES_REDIS, servers).await;
    site.configure(|config| config.short_leases().set("worker.batch", 20));
    let all = memories::of("alice", 600);
    site.add(&all).await;
    let service = site.start().await;
    for skip in [3, 4] {
        let some = if skip == 3 { &all[..300] } else { &all[300..] };
        let mut deletion = site.tap.hold(DELETE, skip, Side::Before);
        let id = service.client.submit_ids(&ids(some)).await;
        deletion.caught().await;
        cut.cut();
        deletion.release();
        // Longer than any lease: each worker has lost its leases.
        let mut pause = Box::pin(tokio::time::sleep(std::time::Duration::from_secs(4)));
        (&mut pause).await;
        cut.restore();
        let job = service.client.ended(&id).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        assert_eq!(counts(&job), json!({"sql": {"erased": 300}, "vector": {"erased": 300}}));
    }
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_stops_answering_is_not_waited_for() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    let (cut, through) = Cut::in_front_of(site.ledger.as_deref().unwrap());
    site.configure(|config| config.set("ledger.url", through).set("api.request_timeout", "200ms"));
    let service = site.api().await;
    let client = &service.client;
    // Connections stay open, and nothing arrives.
    cut.stall();
    let post = |path: &str| client.request(Method::POST, path);
    let deletion = json!({"select": {"ids": ["a"]}});
    for request in [
        post("/v1/schedules/x/preview"),
        post("/v1/jobs")
            .header("content-type", "application/x-ndjson")
            .body("\"a\"\n"),
        post("/v1/jobs").json(&deletion),
        client.request(Method::GET, "/v1/jobs/00000000-0000-7000-8000-000000000000/events"),
        client.request(Method::GET, "/v1/jobs"),
    ] {
        let answer = client.send(request).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
        let kind = answer.body["type"].as_str().unwrap();
        assert!(kind.ends_with("slow"), "{}", answer.text);
        assert!(answer.headers.contains_key("retry-after"));
    }
    cut.restore();
}
