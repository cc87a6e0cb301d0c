//! A vector store that acknowledges deletions and does not do them: nobody is told that it did.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use serde_json::json;

on_both_databases!(
    a_deletion_that_was_acknowledged_and_not_done_is_a_failure,
    a_person_whose_vectors_stay_is_a_failure,
    what_was_kept_can_be_erased_by_trying_again,
);

/// A site whose vector store lies from the start, and that gives up soon.
async fn site(layout: Layout) -> Site {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("retry.rounds", 2));
    site.tap.swallow(true);
    site
}

async fn a_deletion_that_was_acknowledged_and_not_done_is_a_failure(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("alice", 20);
    site.add(&all).await;
    let service = site.start().await;

    let id = service.client.submit_ids(&ids(&all[..5])).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "failed", "{job:#}");
    assert_eq!(counts(&job)["vector"]["failed"], 5, "{job:#}");
    assert_eq!(counts(&job)["vector"]["erased"], json!(null), "{job:#}");
    assert_eq!(site.vectors.count().await, 20);
    let failed = service.client.items(&id, "failed").await;
    let mut expected: Vec<_> = ids(&all[..5])
        .into_iter()
        .map(|id| (id.to_owned(), "vector".to_owned(), Some("kept".to_owned())))
        .collect();
    expected.sort();
    assert_eq!(failed, expected);
}

async fn a_person_whose_vectors_stay_is_a_failure(layout: Layout) {
    let site = site(layout).await;
    let (alice, bob) = (memories::of("alice", 20), memories::of("bob", 5));
    site.add(&[alice, bob.clone()].concat()).await;
    // Without a row: found by what they carry.
    site.vectors.add(&memories::of("alice", 3)).await;
    let service = site.start().await;

    let id = service
        .client
        .submit(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "failed", "{job:#}");
    assert_eq!(counts(&job)["vector"]["erased"], json!(null), "{job:#}");
    assert!(counts(&job)["vector"]["failed"].as_u64() >= Some(23), "{job:#}");
    assert_eq!(site.vectors.count().await, 28);
}

async fn what_was_kept_can_be_erased_by_trying_again(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("alice", 20);
    site.add(&all).await;
    let service = site.start().await;
    let id = service.client.submit_ids(&ids(&all[..5])).await;
    assert_eq!(service.client.ended(&id).await["state"], "failed");

    site.tap.swallow(false);
    let answer = service.client.post(&format!("/v1/jobs/{id}/retry")).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("succeeded"), &json!(2)),
        "{job:#}"
    );
    site.holds(&all[5..]).await;
}
