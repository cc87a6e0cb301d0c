//! All functions work with the minimum of ledger connections.

use futures::future::join_all;
use lethe_common::config::Ledger;
use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site};
use lethe_tests::wait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(everything_works_at_the_fewest_connections);

/// Uploads ids, each of them twice, in several parts. Returns the job's id.
async fn upload(service: &Service, all: &[Memory]) -> String {
    let once: Vec<String> = ids(all).iter().map(|id| json!(id).to_string()).collect();
    let request = service
        .client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson")
        .body([once.clone(), once].concat().join("\n"));
    service.client.send(request).await.accepted()
}

async fn succeeded(service: &Service, id: &str, outcome: &str, n: usize) {
    let job = service.client.ended(id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({outcome: n});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
}

async fn everything_works_at_the_fewest_connections(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| {
        config
            .set("ledger.max_connections", Ledger::FEWEST)
            .set("worker.batch", 2)
            .set("worker.slots", 8)
            .set("retention.items", "1s")
    });
    let users: Vec<Vec<Memory>> = (0..6).map(|n| memories::of(&format!("user-{n}"), 40)).collect();
    let (small, subject) = (memories::of("alice", 20), memories::of("bob", 20));
    site.add(&[users.concat(), small.clone(), subject.clone()].concat())
        .await;
    let service = site.start().await;

    // Uploads that end at the same time, beside small jobs, a preview and a scrape.
    let uploads = join_all(users.iter().map(|all| upload(&service, all)));
    let one_by_one = join_all(
        small
            .iter()
            .map(async |memory: &Memory| service.client.submit_ids(&[memory.id.as_str()]).await),
    );
    let person = json!({"select": {"subject": {"user_id": "bob"}}});
    let preview = json!({"select": {"subject": {"user_id": "bob"}}, "dry_run": true});
    let (uploads, one_by_one, previewed, scraped) = tokio::join!(
        uploads,
        one_by_one,
        service.client.succeeds(&preview),
        service.client.metrics()
    );
    assert!(previewed["ended_at"].is_string() && !scraped.is_empty());
    for id in &uploads {
        succeeded(&service, id, "erased", 40).await;
    }
    for id in &one_by_one {
        succeeded(&service, id, "erased", 1).await;
    }
    let id = service.client.submit(&person).await;
    succeeded(&service, &id, "erased", 20).await;
    site.holds(&[]).await;

    let schedule = json!({"cron": "* * * * * *", "time_zone": "UTC", "job": person});
    let request = service.client.request(Method::PUT, "/v1/schedules/often");
    let answer = service.client.send(request.json(&schedule)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let fired: String = wait::until("a schedule has run", || async {
        let schedule = service.client.get("/v1/schedules/often").await.body;
        schedule["last_job"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(service.client.ended(&fired).await["state"], "succeeded");

    // After the retention, no items are listed.
    wait::until_true("the ids of the uploads are forgotten", || async {
        let path = |id: &String| format!("/v1/jobs/{id}/items?outcome=absent");
        let answers = join_all(uploads.iter().map(async |id| service.client.get(&path(id)).await)).await;
        answers.iter().all(|answer| answer.status == StatusCode::GONE)
    })
    .await;
    let job: Value = service.client.job(&uploads[0]).await;
    assert_eq!(counts(&job)["sql"], json!({"erased": 40}), "{job:#}");
}
