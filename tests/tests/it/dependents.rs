//! Dependents deleted with memories are counted in their job, also after interruptions.

use lethe_tests::config::Config;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_each_database;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, SCROLL, Side};
use serde_json::{Value, json};

on_each_database!(
    rows_of_dependents_are_counted_for_each_job,
    what_went_is_counted_once_though_vectors_were_kept,
    what_went_is_counted_once_though_the_vector_store_was_silent,
    what_a_worker_did_not_live_to_count_is_said_to_be_missing,
);

const COLUMNS: &str = "columns = {";

/// Makes a site where each memory has three chunks.
async fn site(layout: Layout, all: &[Memory]) -> Site {
    let mut site = Site::new(layout).await;
    site.configure(|config| {
        let dependents = "dependents = [{ table = \"memory_chunks\", references = \"memory\" }]";
        config.replace(COLUMNS, &format!("{dependents}\n  {COLUMNS}"))
    });
    site.add(all).await;
    site.memories
        .run(
            "CREATE TABLE memory_chunks (memory VARCHAR NOT NULL, n INTEGER);
             INSERT INTO memory_chunks SELECT memory_id, n FROM agno_memories
             CROSS JOIN (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3) AS three",
        )
        .await;
    site
}

fn dependents(job: &Value) -> Value {
    let stores = job["stores"].as_array().unwrap();
    let of = |name: &str| stores.iter().find(|store| store["store"] == name).unwrap()["dependents"].clone();
    assert_eq!(of("vector"), json!({}));
    of("sql")
}

async fn chunks(site: &Site) -> i64 {
    site.memories.number("SELECT count(*) FROM memory_chunks").await
}

async fn rows_of_dependents_are_counted_for_each_job(layout: Layout) {
    let (alice, bob) = (memories::of("alice", 12), memories::of("bob", 4));
    let site = site(layout, &[alice.clone(), bob.clone()].concat()).await;
    let service = site.start().await;
    let client = &service.client;

    let person = json!({"select": {"subject": {"user_id": "alice"}}});
    assert_eq!(
        dependents(&client.succeeds(&person).await),
        json!({"memory_chunks": 36})
    );
    assert_eq!(dependents(&client.succeeds(&person).await), json!({}));
    // Small jobs that may share their calls.
    let submitted = bob
        .iter()
        .map(|memory| async { client.submit_ids(&[memory.id.as_str()]).await });
    for id in futures::future::join_all(submitted).await {
        let job = client.ended(&id).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        assert_eq!(dependents(&job), json!({"memory_chunks": 3}));
    }
    assert_eq!(chunks(&site).await, 0);
    site.holds(&[]).await;
}

async fn what_went_is_counted_once_though_vectors_were_kept(layout: Layout) {
    let all = memories::of("alice", 10);
    let mut site = site(layout, &all).await;
    site.configure(|config| config.set("retry.rounds", 2));
    site.tap.swallow(true);
    let service = site.start().await;

    let id = service.client.submit_ids(&ids(&all[..5])).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["error_code"], "kept", "{job:#}");
    assert_eq!(dependents(&job), json!({"memory_chunks": 15}));
    assert_eq!(job["warnings"], json!([]));
    assert_eq!(chunks(&site).await, 15);
}

async fn what_went_is_counted_once_though_the_vector_store_was_silent(layout: Layout) {
    let all = memories::of("alice", 10);
    let mut site = site(layout, &all).await;
    site.configure(Config::short_leases);
    let service = site.start().await;

    // The next page after the deletion of vectors is read when the rows are gone.
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service.client.submit_ids(&ids(&all[..5])).await;
    deletion.caught().await;
    let mut reading_back = site.tap.hold(SCROLL, 0, Side::Before);
    deletion.release();
    reading_back.caught().await;
    assert_eq!(chunks(&site).await, 15);
    // The call is held for longer than its time limit.
    let job = service.client.ended(&id).await;
    drop(reading_back);

    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(dependents(&job), json!({"memory_chunks": 15}));
    assert_eq!(job["warnings"], json!([]));
}

async fn what_a_worker_did_not_live_to_count_is_said_to_be_missing(layout: Layout) {
    let all = memories::of("alice", 10);
    let mut site = site(layout, &all).await;
    site.configure(Config::short_leases);
    let mut service = site.up().await;

    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service.client.submit_ids(&ids(&all[..5])).await;
    deletion.caught().await;
    let mut reading_back = site.tap.hold(SCROLL, 0, Side::Before);
    deletion.release();
    reading_back.caught().await;
    service.process.kill();
    drop(reading_back);
    let service = site.up().await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(chunks(&site).await, 15);
    assert_eq!(dependents(&job), json!({}));
    let missing = json!([{"code": "dependents_uncounted", "target": "main", "table": "memories"}]);
    assert_eq!(job["warnings"], missing);
}
