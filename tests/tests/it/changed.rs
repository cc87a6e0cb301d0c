//! Rows that are changed while a job by query is under way, where the mapping says when rows were changed.

use lethe_tests::by_query::{job, of_user};
use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, Side};
use reqwest::{Method, StatusCode};
use serde_json::json;

on_both_databases!(
    a_row_that_is_changed_before_its_batch_begins_stays_and_is_shown,
    a_row_that_is_changed_is_one_of_those_that_a_query_may_take,
);

/// A site whose mapping says when rows were changed, with memories of ana's in the order in which the database
/// lists them.
async fn site(layout: Layout) -> (Site, Vec<Memory>) {
    let mut site = Site::new(layout).await;
    site.configure(|config| {
        let (agent, times) = (
            "agent = \"agent_id\" }\n",
            "created_at = \"created_at\", updated_at = \"updated_at\"",
        );
        config
            .replace(agent, &format!("agent = \"agent_id\", {times} }}\n"))
            .set("worker.batch", 5)
            .set("worker.slots", 1)
    });
    let mut all = memories::of("ana", 20);
    all.sort();
    site.add(&all).await;
    site.memories.run("UPDATE agno_memories SET updated_at = 1").await;
    (site, all)
}

async fn a_row_that_is_changed_before_its_batch_begins_stays_and_is_shown(layout: Layout) {
    let (site, all) = site(layout).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    // Of the last batch: one matches still, and one does not any more.
    let (changed, others) = (&all[18], &all[19]);
    for (memory, change) in [(changed, "topics = '[]'"), (others, "user_id = 'bob'")] {
        let row = format!(
            "UPDATE agno_memories SET {change}, updated_at = 2 WHERE memory_id = '{}'",
            memory.id
        );
        site.memories.run(&row).await;
    }
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["round"]),
        (&json!("succeeded"), &json!(0)),
        "{job:#}"
    );
    let expected = json!({"erased": 18, "conflicted": 1});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    let shown = service.client.items(&id, "conflicted").await;
    let shown: Vec<&str> = shown.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(shown, [changed.id.as_str(), changed.id.as_str()]);
    let left = site.memories.left().await;
    assert_eq!(ids(&left), [changed.id.as_str(), others.id.as_str()]);
    assert_eq!(site.vectors.count().await, 2);
}

async fn a_row_that_is_changed_is_one_of_those_that_a_query_may_take(layout: Layout) {
    let (site, all) = site(layout).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let request = service
        .client
        .request(Method::POST, "/main/_delete_by_query?max_docs=7&conflicts=proceed")
        .json(&json!({"query": {"term": {"owner_id": "ana"}}}));
    let (answer, ()) = tokio::join!(service.client.send(request), async {
        deletion.caught().await;
        let id = &all[6].id;
        let change = format!("UPDATE agno_memories SET topics = '[]', updated_at = 2 WHERE memory_id = '{id}'");
        site.memories.run(&change).await;
        deletion.release();
    });

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(
        (&answer.body["deleted"], &answer.body["version_conflicts"]),
        (&json!(6), &json!(1)),
        "{}",
        answer.text
    );
    assert_eq!(ids(&site.memories.left().await), ids(&all[6..]));
    let jobs = service.client.get("/v1/jobs").await.body;
    let job = &jobs["jobs"][0];
    assert_eq!(
        (&job["state"], &job["round"]),
        (&json!("succeeded"), &json!(0)),
        "{job:#}"
    );
}
