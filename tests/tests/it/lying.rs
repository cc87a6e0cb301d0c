//! A vector store that acknowledges deletions without doing them: no job reports success.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use lethe_tests::tap::{SCROLL, Side};
use serde_json::{Value, json};

on_both_databases!(
    a_deletion_that_was_acknowledged_and_not_done_is_a_failure,
    a_person_whose_vectors_stay_is_a_failure,
    what_was_kept_can_be_erased_by_trying_again,
    a_vector_that_is_written_back_while_the_job_runs_goes_in_another_round,
    a_vector_that_is_written_back_again_and_again_is_a_failure,
    a_small_job_that_cannot_be_read_back_at_once_is_read_back_later,
);

/// Makes a site whose vector store lies from the start, with few rounds until a job fails.
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

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("kept")),
        "{job:#}"
    );
    // Each memory has one outcome in each store, after any number of rounds.
    assert_eq!(counts(&job), json!({"sql": {"erased": 5}, "vector": {"failed": 5}}));
    assert_eq!(job["selected"], 5);
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
    // Vectors without a row, which are found by their payload.
    site.vectors.add(&memories::of("alice", 3)).await;
    let service = site.start().await;

    let id = service
        .client
        .submit(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "failed", "{job:#}");
    assert_eq!(counts(&job)["sql"]["erased"], 20);
    assert_eq!(counts(&job)["vector"]["erased"], json!(null), "{job:#}");
    // The search for orphans runs beside the partitions that erase rows. It may meet vectors whose row has just gone.
    let failed = counts(&job)["vector"]["failed"].as_u64().unwrap();
    assert!((23..=43).contains(&failed), "{job:#}");
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

/// Erases ten ids. Before each of the first `times` read-backs, one vector is written again. Its row is gone for good.
async fn written_back(site: &Site, times: usize) -> Value {
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.up().await;
    // A round looks three times: to resolve, after its deletions, and to read back. If the read-back finds something,
    // it looks once more after the record.
    let mut reading_back = site.tap.hold(SCROLL, 2, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    for time in 1..=times {
        reading_back.caught().await;
        assert_eq!((site.memories.count().await, site.vectors.count().await), (0, 0));
        site.vectors.add(&all[..1]).await;
        let next = if time == times {
            None
        } else {
            Some(site.tap.hold(SCROLL, 3, Side::Before))
        };
        reading_back.release();
        let Some(next) = next else { break };
        reading_back = next;
    }
    service.client.ended(&id).await
}

async fn a_vector_that_is_written_back_while_the_job_runs_goes_in_another_round(layout: Layout) {
    let site = Site::new(layout).await;

    let job = written_back(&site, 1).await;

    assert_eq!(
        (&job["state"], &job["round"]),
        (&json!("succeeded"), &json!(1)),
        "{job:#}"
    );
    assert_eq!(counts(&job)["vector"], json!({"erased": 11, "residue": 1}));
    assert_eq!(counts(&job)["sql"], json!({"erased": 10, "absent": 1}));
    site.holds(&[]).await;
}

async fn a_vector_that_is_written_back_again_and_again_is_a_failure(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("retry.rounds", 2));

    let job = written_back(&site, 3).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("residue")),
        "{job:#}"
    );
    assert_eq!(site.vectors.count().await, 1);
    assert_eq!(
        counts(&job)["vector"],
        json!({"erased": 12, "failed": 1, "residue": 3}),
        "{job:#}"
    );
}

async fn a_small_job_that_cannot_be_read_back_at_once_is_read_back_later(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.up().await;
    let mut reading_back = site.tap.hold(SCROLL, 2, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    reading_back.caught().await;
    assert_eq!((site.memories.count().await, site.vectors.count().await), (0, 0));
    let before = site.tap.calls()[SCROLL];
    reading_back.lose_twice();
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    let erased = json!({"erased": 10});
    assert_eq!(counts(&job), json!({"sql": erased, "vector": erased}), "{job:#}");
    let after = site.tap.calls()[SCROLL];
    assert!(after > before, "it was read back nevertheless: {before}, {after}");
}
