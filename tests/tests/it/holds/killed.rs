//! Holds and kill -9: of a worker that has begun a batch, and of an API that has just released a hold.

use lethe_tests::client::{Client, counts};
use lethe_tests::config::Config;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_layouts;
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, Side};
use serde_json::json;

use super::{has_receipts, held, place_on, release, rested, succeeded};

on_layouts!(sqlite = SQLITE:
    a_dead_workers_batch_is_bound,
    a_dead_workers_rows_stay_if_their_vectors_are_gone,
    a_hold_outlives_its_process,
    a_release_outlives_its_process
);
on_layouts!(postgres = POSTGRES:
    a_dead_workers_batch_is_bound,
    a_dead_workers_rows_stay_if_their_vectors_are_gone,
    a_hold_outlives_its_process,
    a_release_outlives_its_process
);
on_layouts!(postgres_many = POSTGRES_REDIS: another_api_queues_the_jobs_of_a_release);

/// Kills the worker while it deletes vectors of alice's and bob's. Places a hold on alice before its batch is found.
async fn dies(site: &Site, moment: Side) -> (Service, String) {
    let (alice, bob) = (memories::of("alice", 4), memories::of("bob", 3));
    let all = [alice, bob].concat();
    site.add(&all).await;
    let mut service = site.up().await;
    let mut call = site.tap.hold(DELETE, 0, moment);
    let id = service.client.submit_ids(&ids(&all)).await;
    call.caught().await;
    // A later worker takes no batch over before the hold is there.
    assert!(service.client.post("/v1/pause").await.status.is_success());
    service.process.kill();
    call.abandoned().await;
    drop(call);

    let service = site.up().await;
    place_on(&service.client, "alice").await;
    assert!(service.client.post("/v1/resume").await.status.is_success());
    (service, id)
}

async fn a_dead_workers_batch_is_bound(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(Config::short_leases);
    let (service, id) = dies(&site, Side::Before).await;
    let job = held(&service.client, &id).await;

    let expected = json!({"erased": 3, "held": 4});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    let left = site.memories.left().await;
    assert!(
        left.len() == 4 && left.iter().all(|memory| memory.user == "alice"),
        "{left:?}"
    );
    site.holds(&left).await;
    has_receipts(&service.client, &id, &["held"]).await;
}

async fn a_dead_workers_rows_stay_if_their_vectors_are_gone(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(Config::short_leases);
    let (service, id) = dies(&site, Side::After).await;
    let job = rested(&service.client, &id).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("split")),
        "{job:#}"
    );
    let expected = json!({"sql": {"erased": 3, "failed": 4}, "vector": {"erased": 7}});
    assert_eq!(counts(&job), expected, "{job:#}");
    let left = site.memories.left().await;
    assert!(
        left.len() == 4 && left.iter().all(|memory| memory.user == "alice"),
        "{left:?}"
    );
    has_receipts(&service.client, &id, &["failed"]).await;
}

/// Makes a job that a hold on alice keeps from its end.
async fn held_job(site: &Site, client: &Client) -> String {
    let (alice, bob) = (memories::of("alice", 4), memories::of("bob", 3));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    place_on(client, "alice").await;
    let id = client.submit_ids(&ids(&[alice.clone(), bob].concat())).await;
    held(client, &id).await;
    site.holds(&alice).await;
    id
}

async fn a_hold_outlives_its_process(layout: Layout) {
    let site = Site::new(layout).await;
    let mut service = site.up().await;
    let id = held_job(&site, &service.client).await;
    service.process.kill();

    let service = site.up().await;
    let client = &service.client;
    // A job of another person passes the same queue.
    let carol = memories::of("carol", 1);
    site.add(&carol).await;
    client.succeeds(&json!({"select": {"ids": ids(&carol)}})).await;
    held(client, &id).await;
    assert_eq!(site.memories.count().await, 4);
    release(client, "case-77").await;
    succeeded(client, &id).await;
    site.holds(&[]).await;
    has_receipts(client, &id, &["held", "succeeded"]).await;
}

async fn a_release_outlives_its_process(layout: Layout) {
    let site = Site::new(layout).await;
    let mut service = site.up().await;
    let id = held_job(&site, &service.client).await;
    release(&service.client, "case-77").await;
    service.process.kill();

    let service = site.up().await;
    succeeded(&service.client, &id).await;
    site.holds(&[]).await;
    has_receipts(&service.client, &id, &["held", "succeeded"]).await;
}

async fn another_api_queues_the_jobs_of_a_release(layout: Layout) {
    let site = Site::new(layout).await;
    let mut service = site.start().await;
    let other = site.api().await;
    let id = held_job(&site, &other.client).await;
    release(&service.client, "case-77").await;
    service.process.kill();

    succeeded(&other.client, &id).await;
    site.holds(&[]).await;
    has_receipts(&other.client, &id, &["held", "succeeded"]).await;
}
