//! Memories with many points: all points are deleted, in any number.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::service::Site;
use lethe_tests::{on_both_databases, wait};
use qdrant_client::qdrant::PointId;
use serde_json::{Value, json};

on_both_databases!(
    chunks_of_many_memories_go_all_of_them,
    a_memory_with_more_points_than_a_batch_lists_goes,
    one_point_among_very_many_keeps_its_memory,
    many_points_without_a_row_go_with_their_person,
    a_point_that_says_nothing_beside_ones_own_is_said,
    a_point_that_says_nothing_and_comes_later_is_said,
);

async fn site(layout: Layout) -> Site {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.replace("point = \"uuid\"", "point = \"payload\""));
    site
}

/// Returns `n` points of a memory, with ids from `first` on.
fn chunks(first: u64, n: u64, memory: &Memory) -> impl Iterator<Item = (PointId, Value)> {
    let payload = json!({"memory_id": memory.id, "user_id": memory.user});
    (first..first + n).map(move |id| (PointId::from(id), payload.clone()))
}

async fn chunks_of_many_memories_go_all_of_them(layout: Layout) {
    let site = site(layout).await;
    let (alice, bob) = (memories::of("alice", 400), memories::of("bob", 2));
    site.memories.add(&[alice.clone(), bob.clone()].concat()).await;
    let all = alice.iter().chain(&bob).zip(0_u64..);
    site.vectors
        .put(all.flat_map(|(memory, n)| chunks(n * 70, 70, memory)))
        .await;
    let service = site.start().await;

    let job = service
        .client
        .succeeds(&json!({"select": {"ids": ids(&alice[..200])}}))
        .await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 200}, "vector": {"erased": 200}}));
    let body = json!({"select": {"subject": {"user_id": "alice"}}});
    let job = service.client.succeeds(&body).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 200}, "vector": {"erased": 200}}));

    assert_eq!(site.memories.count().await, 2);
    assert_eq!(site.vectors.count().await, 140);
}

async fn a_memory_with_more_points_than_a_batch_lists_goes(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("alice", 3);
    // The last memory has no row.
    site.memories.add(&all[..2]).await;
    site.vectors.put(chunks(0, 12_000, &all[0])).await;
    site.vectors.put(chunks(20_000, 5, &all[1])).await;
    site.vectors.put(chunks(30_000, 12_000, &all[2])).await;
    let service = site.start().await;

    let preview = json!({"select": {"ids": ids(&all)}, "owner": "alice", "dry_run": true});
    let job = service.client.succeeds(&preview).await;
    assert_eq!(counts(&job)["vector"], json!({"found": 3}));
    let body = json!({"select": {"ids": ids(&all)}, "owner": "alice"});
    let job = service.client.succeeds(&body).await;

    assert_eq!(
        counts(&job),
        json!({"sql": {"erased": 2, "absent": 1}, "vector": {"erased": 3}})
    );
    assert_eq!(site.vectors.count().await, 0);
    assert_eq!(site.memories.count().await, 0);
}

async fn one_point_among_very_many_keeps_its_memory(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("alice", 1);
    site.memories.add(&all).await;
    site.vectors.put(chunks(0, 12_000, &all[0])).await;
    let strange = json!({"memory_id": all[0].id, "user_id": "bob"});
    site.vectors.put([(PointId::from(11_999_u64), strange)]).await;
    let service = site.start().await;

    let id = service.client.submit_ids(&ids(&all)).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["error_code"], "point_conflict", "{job:#}");
    assert_eq!(site.vectors.count().await, 12_000);
    assert_eq!(site.memories.count().await, 1);
}

async fn many_points_without_a_row_go_with_their_person(layout: Layout) {
    orphans_go(&site(layout).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_points_of_one_uuid_are_no_repetition_of_it() {
    let site = site(Layout::POSTGRES).await;
    site.memories
        .run("ALTER TABLE agno_memories ALTER COLUMN memory_id TYPE uuid USING memory_id::uuid")
        .await;
    orphans_go(&site).await;
}

async fn orphans_go(site: &Site) {
    let (alice, bob) = (memories::of("alice", 2), memories::of("bob", 1));
    site.vectors.put(chunks(0, 2_500, &alice[0])).await;
    site.vectors.put(chunks(5_000, 500, &alice[1])).await;
    site.vectors.put(chunks(10_000, 3, &bob[0])).await;
    let service = site.start().await;

    let body = json!({"select": {"subject": {"user_id": "alice"}}});
    let job = service.client.succeeds(&body).await;

    // Without a row, each point counts by itself.
    assert_eq!(counts(&job)["vector"], json!({"erased": 3_000}));
    assert_eq!(site.vectors.count().await, 3);
}

async fn a_point_that_says_nothing_beside_ones_own_is_said(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("alice", 1);
    site.vectors.put(chunks(0, 2, &all[0])).await;
    site.vectors
        .put([(PointId::from(7_u64), json!({"memory_id": all[0].id}))])
        .await;
    let service = site.start().await;

    let body = json!({"select": {"ids": ids(&all)}, "owner": "alice"});
    let id = service.client.submit(&body).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["error_code"], "unverifiable", "{job:#}");
    assert_eq!(counts(&job)["vector"], json!({"unverifiable": 1}));
    assert_eq!(site.vectors.ids().await, ["7"]);
}

async fn a_point_that_says_nothing_and_comes_later_is_said(layout: Layout) {
    let mut site = site(layout).await;
    site.configure(|config| config.set("worker.batch", 1));
    let all = memories::of("alice", 3);
    site.memories.add(&all).await;
    site.vectors
        .put(all.iter().zip(0_u64..).flat_map(|(memory, n)| chunks(n, 1, memory)))
        .await;
    let service = site.start().await;

    let slowly = json!({"select": {"ids": ids(&all)}, "owner": "alice", "per_second": 0.5});
    let id = service.client.submit(&slowly).await;
    wait::until_true("one is recorded", || async {
        counts(&service.client.job(&id).await)["sql"]["erased"] == 1
    })
    .await;
    let left = site.memories.left().await;
    let gone = all.iter().find(|memory| !left.contains(memory)).unwrap();
    let nobodys = json!({"memory_id": gone.id});
    site.vectors.put([(PointId::from(100_u64), nobodys)]).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["error_code"], "unverifiable", "{job:#}");
    assert_eq!(
        counts(&job),
        json!({"sql": {"erased": 3, "absent": 1}, "vector": {"erased": 3, "unverifiable": 1}})
    );
    assert_eq!(site.vectors.count().await, 1);
}
