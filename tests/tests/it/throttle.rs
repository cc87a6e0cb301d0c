//! A job keeps its pace as a whole, with any number of workers.

use lethe_tests::client::counts;
use lethe_tests::client::total;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use serde_json::json;

on_both_databases!(a_throttled_job_takes_its_time_and_loses_nothing);

async fn a_throttled_job_takes_its_time_and_loses_nothing(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", 10));
    let all = memories::of("alice", 60);
    site.add(&all).await;
    let service = site.start().await;

    let job = service
        .client
        .succeeds(&json!({"select": {"ids": ids(&all)}, "per_second": 20}))
        .await;

    site.holds(&[]).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 60}, "vector": {"erased": 60}}));
    // The first batch runs at once, the other 50 memories take two and a half seconds.
    let rate = job["rate"].as_f64().unwrap();
    assert!(rate <= 60.0 / 2.5, "{rate}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_for_two_workers_together() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("worker.batch", 2).set("worker.slots", 1));
    let all = memories::of("alice", 80);
    site.add(&all).await;
    let service = site.start().await;

    let job = service
        .client
        .succeeds(&json!({"select": {"ids": ids(&all)}, "per_second": 20}))
        .await;

    site.holds(&[]).await;
    for worker in &service.workers {
        let deletions = total(
            &worker.client,
            "lethe_store_call_duration_seconds_count",
            "call=\"delete\"",
        )
        .await;
        assert!(deletions > 0.0, "both have erased");
    }
    // Each worker alone would finish its half in two seconds.
    let rate = job["rate"].as_f64().unwrap();
    assert!(rate <= 80.0 / 3.9, "{rate}");
}
