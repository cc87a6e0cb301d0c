//! Points of which it comes out late, or by a detour, that they are another memory's.

use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, Side};
use qdrant_client::qdrant::PointId;
use serde_json::{Value, json};

on_both_databases!(an_orphan_that_names_a_memory_with_a_row_by_now_stays,);

async fn put(site: &Site, point: PointId, payload: Value) {
    site.vectors.put([(point, payload)]).await;
}

fn says(memory: &Memory, user: &str) -> Value {
    json!({"memory_id": memory.id, "user_id": user})
}

fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

async fn an_orphan_that_names_a_memory_with_a_row_by_now_stays(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 1), memories::of("bob", 1));
    site.memories.add(&bob).await;
    let point = uuid();
    put(&site, PointId::from(point.as_str()), says(&alice[0], "alice")).await;
    let service = site.start().await;

    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let body = json!({"select": {"subject": {"user_id": "alice"}}});
    let id = service.client.submit(&body).await;
    deletion.caught().await;
    put(&site, PointId::from(point.as_str()), says(&bob[0], "alice")).await;
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(site.vectors.ids().await, [point], "{job:#}");
    assert_eq!(site.memories.left().await, bob);
}
