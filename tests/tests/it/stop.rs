//! Stopping: running work is finished or released, which costs no attempt.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Site, Worker, logged};
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::wait;
use serde_json::json;

const STOPS: &str = "the worker stops: it claims nothing more";

async fn rescues(worker: &Worker) -> f64 {
    worker.client.metrics().await["lethe_retries_total{class=\"rescue\",code=\"none\"}"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_stop_finishes_what_it_has_begun() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let all = memories::of("alice", 300);
    site.add(&all).await;
    let service = site.api().await;
    let mut first = site.worker().await;
    let mut deletion = site.tap.hold(DELETE, 2, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    first.process.terminate();
    first
        .process
        .says("it stops", |process| process.log().contains(STOPS).then_some(()))
        .await;
    deletion.release();
    let status = first.process.exits().await;
    assert!(status.success(), "{status}");
    // The batch under way is finished in both stores, and no other has begun.
    assert_eq!(site.memories.count().await, 270);
    assert_eq!(site.memories.left().await, site.vectors.left().await);

    let second = site.worker().await;
    let job = service.client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("succeeded"), &json!(1)),
        "{job:#}"
    );
    assert_eq!(counts(&job), json!({"sql": {"erased": 300}, "vector": {"erased": 300}}));
    assert!(rescues(&second).await < 0.5, "nothing had to be taken over");
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_finished_in_time_is_given_back() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.drain", "1s"));
    let all = memories::of("alice", 100);
    site.add(&all).await;
    let service = site.api().await;
    let mut first = site.worker().await;
    let mut deletion = site.tap.hold(DELETE, 2, Side::Before);
    let id = service
        .client
        .submit(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;
    deletion.caught().await;
    first.process.terminate();
    first.process.exits().await;
    deletion.release();

    // The default lease is 30 s, and the second worker does not wait for it.
    let second = site.worker().await;
    let job = service.client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("succeeded"), &json!(1)),
        "{job:#}"
    );
    assert_eq!(counts(&job), json!({"sql": {"erased": 100}, "vector": {"erased": 100}}));
    assert!(rescues(&second).await < 0.5, "nothing had to be taken over");
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_job_does_not_keep_a_worker_from_stopping() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("worker.batch", 10));
    let all = memories::of("alice", 60);
    site.add(&all).await;
    let service = site.api().await;
    let mut first = site.worker().await;
    let body = json!({"select": {"ids": ids(&all)}, "per_second": 15});
    let id = service.client.submit(&body).await;
    wait::until_true("it has begun", || async { site.memories.count().await < 60 }).await;
    first.process.terminate();
    let status = first.process.exits().await;
    assert!(status.success(), "{status}");
    assert!(site.memories.count().await > 0, "it did not wait for the job's end");

    let _second = site.worker().await;
    let job = service.client.ended(&id).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 60}, "vector": {"erased": 60}}));
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| {
        config
            .set("worker.drain", "1h")
            .set("worker.store_timeout", "10min")
            .set("lease.duration", "1h")
    });
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.api().await;
    let mut worker = site.worker().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    worker.process.terminate();
    worker
        .process
        .says("it stops", |process| logged(process, STOPS, "message"))
        .await;
    worker.process.terminate();
    worker.process.exits().await;
    drop(deletion);

    let _second = site.worker().await;
    let job = service.client.ended(&id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_one_process_stops_in_order_and_goes_on() {
    let mut site = Site::new(Layout::SQLITE).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let all = memories::of("alice", 200);
    site.add(&all).await;
    let mut service = site.up().await;
    let mut deletion = site.tap.hold(DELETE, 2, Side::After);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    service.process.terminate();
    service
        .process
        .says("it stops", |process| process.log().contains(STOPS).then_some(()))
        .await;
    deletion.release();
    let status = service.process.exits().await;
    assert!(status.success(), "{status}");
    assert_eq!(site.memories.count().await, 170);

    let service = site.up().await;
    let job = service.client.ended(&id).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 200}, "vector": {"erased": 200}}));
    site.holds(&[]).await;
}
