//! Stores that stay down: each job ends within its own limit, also in a long queue.

use jiff::{SignedDuration, Timestamp};
use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use lethe_tests::wait;
use reqwest::StatusCode;
use serde_json::{Value, json};

on_both_databases!(
    jobs_behind_an_open_breaker_end_within_their_own_limit,
    a_job_that_was_never_tried_says_what_opened_the_breaker,
);

const LIMIT: SignedDuration = SignedDuration::from_secs(3);

async fn jobs_behind_an_open_breaker_end_within_their_own_limit(layout: Layout) {
    let mut site = Site::new(layout).await;
    // The breaker tries one job per minute: all jobs one after another would take an hour.
    site.configure(|config| {
        config
            .set("retry.give_up_after", "3s")
            .set("retry.breaker_pause_cap", "1min")
    });
    let all = memories::of("alice", 62);
    site.add(&all).await;
    let all = ids(&all);
    let service = site.start().await;
    let client = &service.client;
    site.tap.set_upstream("http://127.0.0.1:9");
    let mut first = Vec::new();
    for id in &all[..60] {
        first.push(client.submit_ids(&[id]).await);
    }
    client.ended(&first[0]).await;
    let later = client.submit_ids(&all[60..]).await;
    for id in first.iter().chain([&later]) {
        let job = client.ended(id).await;
        let code = (&job["state"], &job["error_code"]);
        assert_eq!(code, (&json!("failed"), &json!("unavailable")), "{job:#}");
        let waited = at(&job, "ended_at").duration_since(at(&job, "accepted_at"));
        assert!(waited >= LIMIT, "{waited}: {job:#}");
        let all = json!({"failed": job["selected"]});
        assert_eq!(counts(&job), json!({"sql": all, "vector": all}), "{job:#}");
    }

    site.tap.set_upstream(&site.vectors.url);
    for id in [&first[0], &first[59], &later] {
        // The breaker's pause may still be longer than the limit.
        wait::until_true("another attempt succeeds", || async {
            let retried = client.post(&format!("/v1/jobs/{id}/retry")).await;
            assert_eq!(retried.status, StatusCode::ACCEPTED, "{}", retried.text);
            client.ended(id).await["state"] == "succeeded"
        })
        .await;
    }
    assert_eq!(site.memories.count().await, 58);
}

async fn a_job_that_was_never_tried_says_what_opened_the_breaker(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| {
        config
            .set("retry.give_up_after", "3s")
            .set("retry.breaker_failures", 1)
            .set("retry.breaker_pause", "1h")
            .set("retry.breaker_pause_cap", "1h")
    });
    let all = memories::of("alice", 2);
    site.add(&all).await;
    let service = site.start().await;
    let client = &service.client;
    site.tap.lose(true);
    let ids = ids(&all);
    let tried = client.submit_ids(&ids[..1]).await;
    let tried = client.ended(&tried).await;
    assert_eq!(tried["error_code"], "unavailable", "{tried:#}");

    let waits = client.submit_ids(&ids[1..]).await;
    let waits = client.ended(&waits).await;
    let code = (&waits["state"], &waits["error_code"]);
    assert_eq!(code, (&json!("failed"), &json!("unavailable")), "{waits:#}");
    site.holds(&all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_ends_though_no_worker_is_there() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("retry.give_up_after", "3s"));
    let service = site.api().await;
    let job = service.client.ended(&service.client.submit_ids(&["1"]).await).await;
    let code = (&job["state"], &job["error_code"]);
    assert_eq!(code, (&json!("failed"), &json!("unserved")), "{job:#}");
}

fn at(job: &Value, what: &str) -> Timestamp {
    job[what].as_str().unwrap().parse().unwrap()
}
