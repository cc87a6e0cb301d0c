//! Cancelling while a batch is under way: the batch is finished, in bounded rounds, and the counts add up.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, SCROLL, Side};
use serde_json::{Value, json};

on_both_databases!(
    a_vector_that_is_never_gone_does_not_keep_a_job_from_being_cancelled,
    a_vector_that_is_put_back_once_goes_before_the_job_is_cancelled,
    what_waits_for_a_store_that_is_down_is_cancelled_all_the_same,
    a_paused_job_remembers_its_rounds,
);

const ROUNDS: u32 = 3;

/// Makes a site with twenty memories in both stores, in batches of five. The worker runs one batch at a time.
async fn site(layout: Layout) -> (Site, Vec<Memory>) {
    let mut site = Site::new(layout).await;
    site.configure(|config| {
        config
            .set("retry.rounds", ROUNDS)
            .set("worker.batch", 5)
            .set("worker.slots", 1)
    });
    let all = memories::of("alice", 20);
    site.add(&all).await;
    (site, all)
}

async fn cancel(service: &Service, id: &str) {
    let answer = service.client.post(&format!("/v1/jobs/{id}/cancel")).await;
    assert_eq!(answer.body["state"], "cancelling", "{}", answer.text);
}

/// Asserts that every memory has one outcome in each store.
fn adds_up(job: &Value) {
    for store in job["stores"].as_array().unwrap() {
        let counts = store["counts"].as_object().unwrap();
        let sum: u64 = counts.values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(Some(sum), job["selected"].as_u64(), "{job:#}");
    }
}

async fn a_vector_that_is_never_gone_does_not_keep_a_job_from_being_cancelled(layout: Layout) {
    let (site, all) = site(layout).await;
    site.tap.swallow(true);
    let service = site.up().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    cancel(&service, &id).await;
    site.tap.reset();
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "cancelled", "{job:#}");
    let counts = counts(&job);
    assert_eq!(
        (&counts["sql"]["erased"], &counts["vector"]["failed"]),
        (&json!(5), &json!(5)),
        "{job:#}"
    );
    assert_eq!(counts["sql"]["left"], 15, "{job:#}");
    adds_up(&job);
    // Each round deletes once. The first call was counted before.
    assert_eq!(site.tap.calls()[DELETE], ROUNDS as usize, "{:?}", site.tap.calls());
    assert_eq!(site.vectors.count().await, 20);
    assert_eq!(site.memories.count().await, all.len() as u64 - 5);
}

async fn a_vector_that_is_put_back_once_goes_before_the_job_is_cancelled(layout: Layout) {
    let (site, all) = site(layout).await;
    let service = site.up().await;
    // After the rows are gone, before the vectors are read back.
    let mut reading_back = site.tap.hold(SCROLL, 1, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    reading_back.caught().await;
    site.vectors.add(&all[..1]).await;
    cancel(&service, &id).await;
    reading_back.release();
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "cancelled", "{job:#}");
    let expected = json!({"erased": 5, "left": 15});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    adds_up(&job);
    site.holds(&all[5..]).await;
}

/// A job that has not begun, or is only to be read back, is cancelled without a store.
async fn what_waits_for_a_store_that_is_down_is_cancelled_all_the_same(layout: Layout) {
    // Each of two lists of ten is looked up twice. The fifth look reads the job back.
    for (batch, skip) in [(100, 0), (10, 4)] {
        let (mut site, all) = site(layout).await;
        site.configure(|config| {
            let config = config.set("worker.batch", batch);
            config.set("retry.base", "1h").set("retry.cap", "1h")
        });
        let service = site.up().await;
        let mut look = site.tap.hold(SCROLL, skip, Side::Before);
        let id = service.client.submit_ids(&ids(&all)).await;
        look.caught().await;
        cancel(&service, &id).await;
        // The call under way fails, and so do all later ones. The next retry is in an hour.
        site.tap.set_upstream("http://127.0.0.1:9");
        look.lose_twice();
        let job = service.client.ended(&id).await;

        assert_eq!(job["state"], "cancelled", "{job:#}");
        let what = if skip == 0 { "left" } else { "erased" };
        let expected = json!({what: 20});
        assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    }
}

async fn a_paused_job_remembers_its_rounds(layout: Layout) {
    let (site, all) = site(layout).await;
    site.tap.swallow(true);
    let service = site.up().await;
    let mut reading_back = site.tap.hold(SCROLL, 1, Side::Before);
    let id = service.client.submit_ids(&ids(&all[..5])).await;
    reading_back.caught().await;
    assert!(service.client.post("/v1/pause").await.status.is_success());
    site.tap.reset();
    reading_back.release();
    // The round that was under way ends, and is counted.
    service
        .client
        .when(&id, "it waits", |job| job["error_code"] == "kept")
        .await;
    assert!(service.client.post("/v1/resume").await.status.is_success());
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("kept")),
        "{job:#}"
    );
    assert_eq!(site.tap.calls()[DELETE], ROUNDS as usize, "{:?}", site.tap.calls());
}
