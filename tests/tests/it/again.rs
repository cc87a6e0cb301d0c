//! A later attempt finds an intent. Its memories may have another owner by then.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, SCROLL, Side};
use serde_json::{Value, json};

on_both_databases!(
    a_memory_that_changed_hands_meanwhile_stays,
    an_orphan_that_got_a_row_meanwhile_stays,
    a_row_that_changed_hands_after_its_vector_went_is_split,
    a_vector_written_after_a_query_erased_its_row_stays,
);

/// Submits a deletion, cuts off the vector store at `moment`, and waits until the job waits for the store.
async fn interrupted(site: &Site, service: &Service, body: &Value, moment: Side) -> String {
    let mut deletion = site.tap.hold(DELETE, 0, moment);
    let id = service.client.submit(body).await;
    deletion.caught().await;
    // The held call fails, and so do all later ones.
    site.tap.set_upstream("http://127.0.0.1:9");
    deletion.lose();
    service
        .client
        .when(&id, "it waits for the store", |job| job["error_code"].is_string())
        .await;
    id
}

fn of(user: &str, memories: &[Memory]) -> Vec<Memory> {
    let user = || user.to_owned();
    memories
        .iter()
        .map(|memory| Memory {
            id: memory.id.clone(),
            user: user(),
        })
        .collect()
}

async fn a_memory_that_changed_hands_meanwhile_stays(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.start().await;
    let body = json!({"select": {"ids": ids(&all)}, "owner": "alice"});
    let id = interrupted(&site, &service, &body, Side::Before).await;

    let bobs = of("bob", &all[..4]);
    site.vectors.add(&bobs).await;
    let change = |memory: &Memory| {
        format!(
            "UPDATE agno_memories SET user_id = 'bob' WHERE memory_id = '{}'",
            memory.id
        )
    };
    for memory in &bobs {
        site.memories.run(&change(memory)).await;
    }
    site.tap.set_upstream(&site.vectors.url);
    let job = service.client.ended(&id).await;

    site.holds(&bobs).await;
    let expected = json!({"erased": 6, "conflicted": 4});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
}

async fn an_orphan_that_got_a_row_meanwhile_stays(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 4);
    site.vectors.add(&all).await;
    let service = site.start().await;
    let body = json!({"select": {"ids": ids(&all)}, "owner": "alice"});
    let id = interrupted(&site, &service, &body, Side::Before).await;

    let bobs = of("bob", &all[..1]);
    site.memories.add(&bobs).await;
    site.vectors.add(&bobs).await;
    site.tap.set_upstream(&site.vectors.url);
    let job = service.client.ended(&id).await;

    site.holds(&bobs).await;
    assert_eq!(counts(&job)["vector"], json!({"erased": 3, "conflicted": 1}), "{job:#}");
}

async fn a_row_that_changed_hands_after_its_vector_went_is_split(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.start().await;
    let body = json!({"select": {"ids": ids(&all)}, "owner": "alice"});
    let id = interrupted(&site, &service, &body, Side::After).await;

    let change = format!(
        "UPDATE agno_memories SET user_id = 'bob' WHERE memory_id = '{}'",
        all[0].id
    );
    site.memories.run(&change).await;
    site.tap.set_upstream(&site.vectors.url);
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("split")),
        "{job:#}"
    );
    assert_eq!(
        counts(&job),
        json!({"sql": {"erased": 2, "failed": 1}, "vector": {"erased": 3}})
    );
    assert_eq!(ids(&site.memories.left().await), [all[0].id.as_str()]);
}

async fn a_vector_written_after_a_query_erased_its_row_stays(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("retry.rounds", 2));
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service
        .client
        .submit(&json!({"select": {"query": {"eq": {"user_id": "alice"}}}}))
        .await;
    deletion.caught().await;
    // The next page is read after the rows are gone. Earlier, points are read by their ids.
    let mut reading_back = site.tap.hold(SCROLL, 0, Side::Before);
    deletion.release();
    reading_back.caught().await;
    site.tap.set_upstream("http://127.0.0.1:9");
    reading_back.lose_twice();
    service
        .client
        .when(&id, "it waits for the store", |job| job["error_code"].is_string())
        .await;
    let bobs = of("bob", &all[..1]);
    site.vectors.add(&bobs).await;
    site.tap.set_upstream(&site.vectors.url);
    let job = service.client.ended(&id).await;

    assert_eq!(site.vectors.left().await, bobs);
    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("kept")),
        "{job:#}"
    );
}
