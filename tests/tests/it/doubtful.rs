//! Points that turn out to be another memory's, late or indirectly.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, SCROLL, Side};
use qdrant_client::qdrant::PointId;
use serde_json::{Value, json};

on_both_databases!(
    an_orphan_that_names_a_memory_with_a_row_by_now_stays,
    one_point_that_disagrees_keeps_the_row_whatever_else_is_there,
    what_went_in_an_earlier_attempt_makes_a_split,
    a_point_of_very_many_that_changes_before_it_is_deleted_keeps_the_row,
    a_point_with_the_id_of_a_row_in_capitals_keeps_both,
    a_query_leaves_a_point_with_the_id_of_a_row,
    a_preview_of_contradicted_points_counts_as_the_job_does,
    an_orphan_whose_own_memory_got_a_row_before_another_attempt_stays,
    a_point_that_is_back_with_the_id_of_a_row_keeps_both,
    one_of_very_many_points_with_the_id_of_a_row_keeps_its_memory,
);

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

async fn one_point_that_disagrees_keeps_the_row_whatever_else_is_there(layout: Layout) {
    let site = Site::new(layout).await;
    let alice = memories::of("alice", 1);
    site.add(&alice).await;
    let chunk = uuid();
    put(&site, PointId::from(chunk.as_str()), says(&alice[0], "alice")).await;
    let service = site.start().await;

    let mut look = site.tap.hold(SCROLL, 0, Side::After);
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service.client.submit_ids(&ids(&alice)).await;
    look.caught().await;
    put(&site, PointId::from(alice[0].id.as_str()), says(&alice[0], "bob")).await;
    look.release();
    deletion.caught().await;
    // A writer puts the other point back.
    put(&site, PointId::from(chunk.as_str()), says(&alice[0], "alice")).await;
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(
        site.memories.left().await,
        alice,
        "left: {:?} {job:#}",
        site.vectors.ids().await
    );
}

/// Begins to erase a memory with two points, and cuts off the vector store when both are gone. Then one point is
/// written again, with `user`.
async fn one_is_back(site: &Site, service: &Service, alice: &[Memory], chunk: &str, user: &str) -> String {
    site.add(alice).await;
    put(site, PointId::from(chunk), says(&alice[0], "alice")).await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service.client.submit_ids(&ids(alice)).await;
    deletion.caught().await;
    site.tap.set_upstream("http://127.0.0.1:9");
    deletion.lose();
    let waits = |job: &Value| job["error_code"].is_string();
    service.client.when(&id, "it waits for the store", waits).await;
    put(site, PointId::from(chunk), says(&alice[0], user)).await;
    id
}

async fn what_went_in_an_earlier_attempt_makes_a_split(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, chunk) = (memories::of("alice", 1), uuid());
    let service = site.start().await;
    let id = one_is_back(&site, &service, &alice, &chunk, "alice").await;

    // The point gets another owner just before the second attempt deletes it.
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    site.tap.set_upstream(&site.vectors.url);
    deletion.caught().await;
    put(&site, PointId::from(chunk.as_str()), says(&alice[0], "bob")).await;
    deletion.release();
    is_split(&site, &service, &id, &alice, &chunk).await;
}

async fn a_point_of_very_many_that_changes_before_it_is_deleted_keeps_the_row(layout: Layout) {
    let site = Site::new(layout).await;
    let alice = memories::of("alice", 1);
    site.memories.add(&alice).await;
    let chunks = (0..10_500_u64).map(|n| (PointId::from(n), says(&alice[0], "alice")));
    site.vectors.put(chunks).await;
    let service = site.start().await;

    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit_ids(&ids(&alice)).await;
    deletion.caught().await;
    put(&site, PointId::from(5_u64), says(&alice[0], "bob")).await;
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(site.vectors.ids().await, ["5"], "{job:#}");
    assert_eq!(site.memories.left().await, alice, "{job:#}");
    let expected = json!({"sql": {"failed": 1}, "vector": {"conflicted": 1}});
    assert_eq!(counts(&job), expected, "{job:#}");
}

async fn a_point_with_the_id_of_a_row_in_capitals_keeps_both(layout: Layout) {
    let site = Site::new(layout).await;
    let alice = memories::of("alice", 1);
    let point = uuid();
    let bob = Memory {
        id: point.to_uppercase(),
        user: "bob".to_owned(),
    };
    site.memories.add(&[alice.clone(), vec![bob.clone()]].concat()).await;
    put(&site, PointId::from(point.as_str()), says(&alice[0], "alice")).await;
    let service = site.start().await;

    // A job for the other memory conflicts too.
    let id = service.client.submit_ids(&[bob.id.as_str()]).await;
    let job = service.client.ended(&id).await;
    assert_eq!(job["error_code"], "point_conflict", "{job:#}");
    let id = service.client.submit_ids(&ids(&alice)).await;
    let job = service.client.ended(&id).await;

    assert_eq!(site.vectors.ids().await, [point], "{job:#}");
    assert_eq!(job["error_code"], "point_conflict", "{job:#}");
}

/// Adds a target that has only the points of the site's collection.
fn loose(site: &mut Site, rule: &str) {
    let (url, key, collection) = (site.tap.url(), &site.vectors.key, &site.vectors.collection);
    let target = format!(
        r#"
[[target]]
name = "loose"
vector = {{ url = "{url}", api_key = "{key}" }}
  [[target.table]]
  name = "memories"
  collection = {{ name = "{collection}", point = "{rule}", payload = {{ id = "memory_id", user = "user_id" }} }}
"#
    );
    site.configure(|config| config.targets(&target));
}

async fn a_query_leaves_a_point_with_the_id_of_a_row(layout: Layout) {
    let mut site = Site::new(layout).await;
    loose(&mut site, "uuid");
    let (alice, bob) = (memories::of("alice", 1), memories::of("bob", 1));
    site.memories.add(&bob).await;
    put(&site, PointId::from(bob[0].id.as_str()), says(&alice[0], "alice")).await;
    let service = site.start().await;

    let body = json!({"target": "loose", "select": {"query": {"eq": {"user_id": "alice"}}}});
    let id = service.client.submit(&body).await;
    let job = service.client.ended(&id).await;

    assert_eq!(site.vectors.ids().await, ids(&bob), "{job:#}");
}

async fn a_preview_of_contradicted_points_counts_as_the_job_does(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 4);
    site.memories.add(&all[..2]).await;
    // The first point has the first memory's id and names the second. The third memory, without a row, has its own
    // point. The last point has the second memory's id and names the fourth.
    put(&site, PointId::from(all[0].id.as_str()), says(&all[1], "alice")).await;
    put(&site, PointId::from(all[2].id.as_str()), says(&all[2], "alice")).await;
    put(&site, PointId::from(all[1].id.as_str()), says(&all[3], "alice")).await;
    let service = site.start().await;

    for select in [json!({"ids": ids(&all)}), json!({"subject": {"user_id": "alice"}})] {
        let preview = json!({"select": select, "dry_run": true});
        let id = service.client.submit(&preview).await;
        let preview = service.client.ended(&id).await;
        let id = service.client.submit(&json!({"select": select})).await;
        let job = service.client.ended(&id).await;
        let mut erased = counts(&job);
        for store in ["sql", "vector"] {
            if let Some(n) = erased[store].as_object_mut().unwrap().remove("erased") {
                erased[store]["found"] = n;
            }
        }
        assert_eq!(counts(&preview), erased, "{select} {job:#}");
        put(&site, PointId::from(all[2].id.as_str()), says(&all[2], "alice")).await;
    }
}

async fn an_orphan_whose_own_memory_got_a_row_before_another_attempt_stays(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 1), memories::of("bob", 1));
    put(&site, PointId::from(bob[0].id.as_str()), says(&alice[0], "alice")).await;
    let service = site.start().await;

    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let body = json!({"select": {"subject": {"user_id": "alice"}}});
    let id = service.client.submit(&body).await;
    deletion.caught().await;
    site.tap.set_upstream("http://127.0.0.1:9");
    deletion.lose();
    let waits = |job: &Value| job["error_code"].is_string();
    service.client.when(&id, "it waits for the store", waits).await;
    site.memories.add(&bob).await;
    site.tap.set_upstream(&site.vectors.url);
    let job = service.client.ended(&id).await;

    assert_eq!(site.vectors.ids().await, ids(&bob), "{job:#}");
}

async fn a_point_that_is_back_with_the_id_of_a_row_keeps_both(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 1), memories::of("bob", 1));
    site.memories.add(&alice).await;
    let point = PointId::from(bob[0].id.as_str());
    put(&site, point.clone(), says(&alice[0], "alice")).await;
    let service = site.start().await;

    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service.client.submit_ids(&ids(&alice)).await;
    deletion.caught().await;
    site.memories.add(&bob).await;
    put(&site, point, says(&alice[0], "alice")).await;
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(job["error_code"], "point_conflict", "{job:#}");
    assert_eq!(site.vectors.ids().await, ids(&bob), "{job:#}");
    assert_eq!(site.memories.left().await.len(), 2, "{job:#}");
}

async fn one_of_very_many_points_with_the_id_of_a_row_keeps_its_memory(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 2);
    site.memories.add(&all).await;
    let chunks = (0..10_500_u64).map(|n| (PointId::from(n), says(&all[0], "alice")));
    site.vectors.put(chunks).await;
    put(&site, PointId::from(all[1].id.as_str()), says(&all[0], "alice")).await;
    let service = site.start().await;

    let id = service.client.submit_ids(&ids(&all[..1])).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["error_code"], "point_conflict", "{job:#}");
    assert_eq!(site.vectors.count().await, 10_501);
    assert_eq!(site.memories.count().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_of_points_leaves_what_has_the_id_of_a_row() {
    let mut site = Site::new(Layout::SQLITE).await;
    loose(&mut site, "payload");
    let (alice, bob) = (memories::of("alice", 1), memories::of("bob", 1));
    site.memories.add(&bob).await;
    put(&site, PointId::from(bob[0].id.as_str()), says(&alice[0], "alice")).await;
    let service = site.start().await;

    let body = json!({"target": "loose", "select": {"ids": ids(&alice)}});
    let id = service.client.submit(&body).await;
    let job = service.client.ended(&id).await;

    assert_eq!(site.vectors.ids().await, ids(&bob), "{job:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_before_another_disagreed_makes_a_split() {
    let site = Site::new(Layout::SQLITE).await;
    let (alice, chunk) = (memories::of("alice", 1), uuid());
    let service = site.start().await;
    let id = one_is_back(&site, &service, &alice, &chunk, "bob").await;

    site.tap.set_upstream(&site.vectors.url);
    is_split(&site, &service, &id, &alice, &chunk).await;
}

async fn is_split(site: &Site, service: &Service, id: &str, alice: &[Memory], chunk: &str) {
    let job = service.client.ended(id).await;
    assert_eq!(site.memories.left().await, alice, "{job:#}");
    assert_eq!(site.vectors.ids().await, [chunk], "{job:#}");
    let expected = json!({"sql": {"failed": 1}, "vector": {"conflicted": 1}});
    assert_eq!(counts(&job), expected, "{job:#}");
}
