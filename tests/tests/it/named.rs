//! Points that name a memory belong to it under every rule, whatever their own ids are.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_each_database;
use lethe_tests::service::Site;
use qdrant_client::qdrant::PointId;
use serde_json::{Value, json};

on_each_database!(
    every_point_that_names_a_memory_goes_with_it,
    a_point_with_the_id_of_another_memory_keeps_both,
    without_rows_a_point_is_that_of_the_memory_that_it_names,
    a_point_whose_own_memory_has_a_row_is_nobodys_to_erase,
);

async fn put(site: &Site, point: PointId, memory: &Memory) {
    site.vectors
        .put([(point, json!({"memory_id": memory.id, "user_id": memory.user}))])
        .await;
}

fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn one_by_one(all: &[Memory]) -> [Value; 3] {
    [
        json!({"select": {"ids": ids(&all[..1])}}),
        json!({"select": {"ids": ids(&all[1..2])}, "owner": "alice"}),
        json!({"select": {"subject": {"user_id": "alice"}}}),
    ]
}

async fn every_point_that_names_a_memory_goes_with_it(layout: Layout) {
    let site = Site::new(layout).await;
    let (all, others) = (memories::of("alice", 3), memories::of("bob", 1));
    site.add(&all).await;
    site.add(&others).await;
    for memory in all.iter().chain(&others) {
        put(&site, PointId::from(uuid()), memory).await;
        put(&site, PointId::from(rand_number(memory)), memory).await;
    }
    let service = site.start().await;
    for body in one_by_one(&all) {
        let job = service.client.succeeds(&body).await;
        for store in ["sql", "vector"] {
            assert_eq!(counts(&job)[store], json!({"erased": 1}), "{job:#}");
        }
    }
    assert_eq!(site.vectors.count().await, 3);
    assert_eq!(site.memories.left().await, others);
}

/// Returns a number that no other memory has.
fn rand_number(memory: &Memory) -> u64 {
    u64::from(uuid::Uuid::parse_str(&memory.id).expect("a UUID").as_fields().0) << 16 | 7
}

async fn a_point_with_the_id_of_another_memory_keeps_both(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 3);
    site.memories.add(&all).await;
    // The point has the first memory's id, and names the second.
    put(&site, PointId::from(all[0].id.as_str()), &all[1]).await;
    put(&site, PointId::from(all[2].id.as_str()), &all[2]).await;
    let service = site.start().await;
    for body in one_by_one(&all) {
        let id = service.client.submit(&body).await;
        let job = service.client.ended(&id).await;
        assert_eq!(job["error_code"], "point_conflict", "{job:#}");
    }
    assert_eq!(site.memories.left().await.len(), 2);
    assert_eq!(site.vectors.ids().await, [all[0].id.as_str()]);
}

async fn without_rows_a_point_is_that_of_the_memory_that_it_names(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 4);
    // The second memory's point has the first memory's id.
    for (memory, point) in all.iter().zip([uuid(), all[0].id.clone(), uuid(), uuid()]) {
        put(&site, PointId::from(point), memory).await;
    }
    let service = site.start().await;
    for (at, body) in one_by_one(&all).iter().enumerate() {
        let job = service.client.succeeds(body).await;
        let erased = if at == 2 { 2 } else { 1 };
        assert_eq!(counts(&job)["vector"], json!({"erased": erased}), "{job:#}");
    }
    assert_eq!(site.vectors.count().await, 0);
}

async fn a_point_whose_own_memory_has_a_row_is_nobodys_to_erase(layout: Layout) {
    let site = Site::new(layout).await;
    let (bob, all) = (memories::of("bob", 3), memories::of("alice", 3));
    site.memories.add(&bob).await;
    // Alice has no rows, and each of her points has the id of one of bob's memories.
    for (own, named) in bob.iter().zip(&all) {
        put(&site, PointId::from(own.id.as_str()), named).await;
    }
    let service = site.start().await;
    for body in one_by_one(&all) {
        let id = service.client.submit(&body).await;
        let job = service.client.ended(&id).await;
        assert_eq!(job["error_code"], "unverifiable", "{job:#}");
    }
    assert_eq!(site.vectors.count().await, 3);
    assert_eq!(site.memories.left().await.len(), 3);
}
