//! Rows that change while a job by query is under way: before their batch begins, and during it.

use lethe_tests::by_query::{job, of_user};
use lethe_tests::client::counts;
use lethe_tests::layout::{Layout, Sql};
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::postgres::until_locked_out;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::{on_both_databases, on_layouts};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(
    a_row_that_changes_in_between_stays_and_is_shown,
    a_row_that_gets_another_version_in_between_stays_and_is_shown,
    a_row_that_is_changed_before_its_batch_begins_stays_and_is_shown,
    a_row_that_is_changed_is_one_of_those_that_a_query_may_take,
);

on_layouts!(mysql = MYSQL:
    a_row_that_changes_in_between_stays_and_is_shown,
    a_row_that_gets_another_version_in_between_stays_and_is_shown
);

// With the line's end, since the payload's fields have the same names.
const AGENT: &str = "agent = \"agent_id\" }\n";
const CREATED: &str = "created_at = \"created_at\"";

/// Makes a site that maps more columns.
async fn timed(layout: Layout, columns: &str) -> Site {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.replace(AGENT, &format!("agent = \"agent_id\", {columns} }}\n")));
    site
}

/// Makes a site whose mapping has `updated_at`, with memories of ana's in the database's order.
async fn site(layout: Layout) -> (Site, Vec<Memory>) {
    let mut site = timed(layout, &format!("{CREATED}, updated_at = \"updated_at\"")).await;
    site.configure(|config| config.set("worker.batch", 5).set("worker.slots", 1));
    let mut all = memories::of("ana", 20);
    all.sort();
    site.add(&all).await;
    site.memories.run("UPDATE agno_memories SET updated_at = 1").await;
    (site, all)
}

/// Runs a job by query, and changes rows after the job has listed them.
async fn change_in_between(site: &Site, layout: Layout, change: &str, which: &[&Memory]) -> (Value, String) {
    site.memories.run("UPDATE agno_memories SET updated_at = 1").await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    let lock = site.memories.lock().await;
    deletion.release();
    if layout.sql == Sql::Postgres {
        until_locked_out(&site.memories).await;
    }
    let which: Vec<String> = which.iter().map(|memory| format!("'{}'", memory.id)).collect();
    let which = which.join(", ");
    let change = format!("UPDATE agno_memories SET {change} WHERE memory_id IN ({which})");
    lock.commit(&change).await;
    let job = service.client.ended(&id).await;
    let conflicted = service.client.items(&id, "conflicted").await;
    let [(conflicted, _, _)] = conflicted
        .iter()
        .filter(|(_, store, _)| store == "sql")
        .collect::<Vec<_>>()[..]
    else {
        panic!("{conflicted:?}")
    };
    let failed = service.client.items(&id, "failed").await;
    let split =
        |(_, store, code): &&(String, String, Option<String>)| store == "sql" && code.as_deref() == Some("split");
    assert_eq!(
        failed.iter().filter(split).count(),
        which.matches(',').count(),
        "{failed:?}"
    );
    (job, conflicted.clone())
}

/// Adds memories with vectors, and one without a vector, which loses nothing when its row drops out.
async fn with_a_bare_one(site: &Site) -> (Vec<Memory>, Memory) {
    let all = memories::of("ana", 10);
    site.add(&all).await;
    let bare = memories::of("ana", 1);
    site.memories.add(&bare).await;
    (all, bare[0].clone())
}

async fn a_row_that_changes_in_between_stays_and_is_shown(layout: Layout) {
    let site = timed(layout, CREATED).await;
    let (all, bare) = with_a_bare_one(&site).await;
    let (job, conflicted) = change_in_between(&site, layout, "user_id = 'bob'", &[&all[0], &bare]).await;

    assert_eq!(conflicted, bare.id);
    let left = site.memories.left().await;
    let mut expected = [all[0].id.as_str(), bare.id.as_str()];
    expected.sort_unstable();
    assert_eq!(ids(&left), expected);
    assert_eq!(
        counts(&job)["sql"],
        json!({"erased": 9, "failed": 1, "conflicted": 1}),
        "{job:#}"
    );
}

async fn a_row_that_gets_another_version_in_between_stays_and_is_shown(layout: Layout) {
    let site = timed(layout, "created_at = \"created_at\", version = \"updated_at\"").await;
    let (_, bare) = with_a_bare_one(&site).await;
    let (job, conflicted) = change_in_between(&site, layout, "updated_at = 2", &[&bare]).await;

    // The row still matches, but it is no longer the selected version: the read-back does not count it.
    assert_eq!(conflicted, bare.id);
    assert_eq!(
        (&job["state"], &job["round"]),
        (&json!("succeeded"), &json!(0)),
        "{job:#}"
    );
    assert_eq!(counts(&job)["sql"], json!({"erased": 10, "conflicted": 1}));
    assert_eq!(ids(&site.memories.left().await), [bare.id.as_str()]);
}

async fn a_row_that_is_changed_before_its_batch_begins_stays_and_is_shown(layout: Layout) {
    let (site, all) = site(layout).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service.client.submit(&job(of_user("ana"))).await;
    deletion.caught().await;
    // Both rows are in the last batch. One still matches, the other does not.
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
