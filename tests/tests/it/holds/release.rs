//! The end of a hold, by release, expiry or replacement: the jobs that it kept from their end go on by themselves.

use std::time::{Duration, Instant};

use lethe_common::clock::Clock;
use lethe_tests::client::{Client, counts};
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::service::Site;
use lethe_tests::{on_both_databases, wait};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GROUND, has_receipts, held, place, place_on, release, statement, succeeded};

on_both_databases!(
    a_release_queues_its_jobs_within_a_second_and_each_ending_has_a_receipt,
    an_expired_hold_releases_by_itself,
    a_memory_of_two_holds_is_held_until_both_are_released,
    a_hold_that_is_replaced_keeps_what_the_new_one_names,
    a_release_erases_nothing_that_was_written_since,
    a_held_job_can_be_cancelled,
);

/// The time within which a job goes on. Lethe takes less than a second, and a busy machine longer.
const SOON: Duration = Duration::from_secs(5);

/// Makes a job about alice and bob that a hold on alice keeps from its end. Returns its id, and alice's memories.
async fn held_job(site: &Site, client: &Client) -> (String, Vec<Memory>) {
    let (alice, bob) = (memories::of("alice", 4), memories::of("bob", 3));
    site.add(&[alice.clone(), bob].concat()).await;
    let body = json!({"select": {"subject": {"user_id": "alice", "aliases": ["bob"]}}});
    let id = client.submit(&body).await;
    held(client, &id).await;
    site.holds(&alice).await;
    (id, alice)
}

/// Waits until a job is held in its second attempt. Returns the job.
async fn held_again(client: &Client, id: &str) -> Value {
    let is_so = |job: &Value| job["state"] == "held" && job["attempt"] == 2;
    client.when(id, "it is held again", is_so).await
}

/// Waits until a sample of the metrics has a value.
async fn until_metric(client: &Client, series: &str, value: f64) {
    wait::until_true(series, || async {
        (client.metrics().await[series] - value).abs() < 0.5
    })
    .await;
}

async fn a_release_queues_its_jobs_within_a_second_and_each_ending_has_a_receipt(layout: Layout) {
    let site = Site::new(layout).await;
    let service = site.start().await;
    let client = &service.client;
    place_on(client, "alice").await;
    let (id, _) = held_job(&site, client).await;
    let job = client.job(&id).await;
    assert_eq!(job["waits_for"]["reason"], "hold", "{job:#}");
    let hold = client.get("/v1/holds/case-77").await;
    assert_eq!(
        (&hold.body["persons"], &hold.body["ground"], &hold.body["jobs"]),
        (&json!(["alice"]), &json!(GROUND), &json!(1)),
        "{}",
        hold.text
    );
    let kept = statement(client, &id).await;
    assert_eq!(
        kept["held"],
        json!([{"hold": "case-77", "ground": GROUND, "memories": 4}]),
        "{kept:#}"
    );
    assert_eq!(
        (&kept["status"]["lethe"], &kept["status"]["drop"]),
        (&json!("held"), &json!(2)),
        "{kept:#}"
    );
    until_metric(client, "lethe_holds", 1.0).await;
    until_metric(client, "lethe_jobs{state=\"held\"}", 1.0).await;

    let start = Instant::now();
    release(client, "case-77").await;
    client.when(&id, "it goes on", |job| job["state"] != "held").await;
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let job = succeeded(client, &id).await;
    assert_eq!(job["attempt"], 2, "{job:#}");
    let expected = json!({"erased": 7});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    site.holds(&[]).await;
    has_receipts(client, &id, &["held", "succeeded"]).await;
    let last = statement(client, &id).await;
    assert_eq!(
        (&last["held"], &last["status"]["lethe"]),
        (&json!([]), &json!("succeeded")),
        "{last:#}"
    );
    until_metric(client, "lethe_holds", 0.0).await;
    until_metric(client, "lethe_holds_unsettled", 0.0).await;
    // The names are gone with the release.
    let hold = client.get("/v1/holds/case-77").await;
    assert!(
        hold.body["persons"].is_null() && hold.body["released_at"].is_string(),
        "{}",
        hold.text
    );
}

async fn an_expired_hold_releases_by_itself(layout: Layout) {
    let site = Site::new(layout).await;
    let service = site.start().await;
    let client = &service.client;
    let ends = Clock::system().now() + Duration::from_secs(6);
    let hold = json!({"persons": ["alice"], "until": ends.to_string()});
    place(client, "case-77", hold.clone()).await;
    let (id, _) = held_job(&site, client).await;

    let job = succeeded(client, &id).await;
    assert!(Clock::system().now() >= ends, "{job:#}");
    site.holds(&[]).await;
    has_receipts(client, &id, &["held", "succeeded"]).await;
    let event = client.get("/v1/audit?act=hold.expire").await;
    assert_eq!(event.body["events"][0]["object_id"], "case-77", "{}", event.text);

    // The time of this hold has passed.
    let request = client.request(Method::PUT, "/v1/holds/case-78");
    let mut late = hold;
    late["ground"] = json!(GROUND);
    let refused = client.send(request.json(&late)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
}

async fn a_memory_of_two_holds_is_held_until_both_are_released(layout: Layout) {
    let site = Site::new(layout).await;
    let service = site.start().await;
    let client = &service.client;
    place_on(client, "alice").await;
    place(client, "case-78", json!({"persons": ["alice", "carol"]})).await;
    let (id, alice) = held_job(&site, client).await;
    release(client, "case-77").await;
    held_again(client, &id).await;
    site.holds(&alice).await;
    release(client, "case-78").await;
    succeeded(client, &id).await;
    site.holds(&[]).await;
    has_receipts(client, &id, &["held", "held", "succeeded"]).await;
}

async fn a_hold_that_is_replaced_keeps_what_the_new_one_names(layout: Layout) {
    let site = Site::new(layout).await;
    let service = site.start().await;
    let client = &service.client;
    let (alice, bob) = (memories::of("alice", 4), memories::of("bob", 3));
    let all = [alice.clone(), bob].concat();
    site.add(&all).await;
    place(client, "case-77", json!({"persons": ["alice", "bob"]})).await;
    let id = client.submit_ids(&ids(&all)).await;
    held(client, &id).await;
    site.holds(&all).await;

    place_on(client, "alice").await;
    let job = held_again(client, &id).await;
    let expected = json!({"erased": 3, "held": 4});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    site.holds(&alice).await;
    release(client, "case-77").await;
    succeeded(client, &id).await;
    site.holds(&[]).await;
    has_receipts(client, &id, &["held", "held", "succeeded"]).await;
}

async fn a_release_erases_nothing_that_was_written_since(layout: Layout) {
    let site = Site::new(layout).await;
    let service = site.start().await;
    let client = &service.client;
    place_on(client, "alice").await;
    let (id, _) = held_job(&site, client).await;
    // The request is older than these.
    let later = memories::of("alice", 2);
    site.add(&later).await;
    release(client, "case-77").await;
    let job = succeeded(client, &id).await;

    site.holds(&later).await;
    let expected = json!({"erased": 7});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
}

async fn a_held_job_can_be_cancelled(layout: Layout) {
    let site = Site::new(layout).await;
    let service = site.start().await;
    let client = &service.client;
    place_on(client, "alice").await;
    let (id, alice) = held_job(&site, client).await;
    let cancelled = client.post(&format!("/v1/jobs/{id}/cancel")).await;
    assert!(cancelled.status.is_success(), "{}", cancelled.text);
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "cancelled", "{job:#}");
    site.holds(&alice).await;
    has_receipts(client, &id, &["held", "cancelled"]).await;

    // Nobody asks for them any more.
    release(client, "case-77").await;
    until_metric(client, "lethe_holds_unsettled", 0.0).await;
    assert_eq!(client.job(&id).await["state"], "cancelled");
    site.holds(&alice).await;
}
