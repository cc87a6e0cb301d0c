//! A memory that a job names several times counts once, in any spelling of its id.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Service, Site};
use lethe_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

/// Changes the table's ids to the type `uuid`.
async fn set_uuids(site: &mut Site) {
    site.memories
        .run("ALTER TABLE agno_memories ALTER COLUMN memory_id TYPE uuid USING memory_id::uuid")
        .await;
    site.configure(|config| config.set("worker.batch", 100));
}

/// Changes the table's ids to the type `uuid`, and starts a service that has read the column types.
async fn with_uuids(site: &mut Site) -> Service {
    set_uuids(site).await;
    let service = site.start().await;
    wait::until_true("a worker has said what the columns hold", || async {
        let targets = service.client.get("/v1/targets").await.body;
        targets["targets"][0]["stores"]["sql"]["up"] == 1
    })
    .await;
    service
}

/// Returns other spellings of ids: without hyphens, in upper case, both, in braces, and as a URN.
fn spelled(id: &str) -> [String; 5] {
    let bare = id.replace('-', "");
    let (braced, urn) = (format!("{{{id}}}"), format!("urn:uuid:{id}"));
    [bare.clone(), id.to_uppercase(), bare.to_uppercase(), braced, urn]
}

async fn settle(site: &Site) {
    site.memories
        .run("ALTER TABLE agno_memories ALTER COLUMN memory_id TYPE varchar USING memory_id::varchar")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_one_uuid_in_an_upload_are_one_memory() {
    let mut site = Site::new(Layout::POSTGRES).await;
    let all = memories::of("alice", 400);
    site.add(&all).await;
    let service = with_uuids(&mut site).await;
    let (gone, kept) = all.split_at(300);
    let mut lines: Vec<String> = ids(gone).iter().map(|id| json!(id).to_string()).collect();
    lines.extend(
        ids(gone)
            .iter()
            .flat_map(|id| spelled(id))
            .map(|id| json!(id).to_string()),
    );
    let request = service
        .client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson")
        .body(lines.join("\n"));
    let id = service.client.send(request).await.accepted();
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["selected"]),
        (&json!("succeeded"), &json!(300)),
        "{job:#}"
    );
    let expected = json!({"erased": 300});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    settle(&site).await;
    site.holds(kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_one_uuid_in_one_request_are_one_memory() {
    let mut site = Site::new(Layout::POSTGRES).await;
    let all = memories::of("alice", 180);
    site.add(&all).await;
    let service = with_uuids(&mut site).await;
    let (gone, kept) = all.split_at(150);
    // In batches of a hundred: several batches hold the spellings of one id.
    let mut asked: Vec<String> = ids(gone).iter().map(|&id| id.to_owned()).collect();
    asked.extend(ids(gone).iter().flat_map(|id| spelled(id)));
    let job = service.client.succeeds(&json!({"select": {"ids": asked}})).await;

    assert_eq!(job["selected"], 150, "{job:#}");
    let expected = json!({"erased": 150});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    let again = service
        .client
        .succeeds(&json!({"select": {"ids": asked}, "dry_run": true}))
        .await;
    assert_eq!(again["selected"], 150, "{again:#}");
    settle(&site).await;
    site.holds(kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_spellings_in_one_batch_the_first_erases_and_the_others_find_nothing() {
    let mut site = Site::new(Layout::POSTGRES).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    set_uuids(&mut site).await;
    // No worker has reported the type of the ids yet.
    let service = site.api().await;
    let asked: Vec<Value> = ids(&all[..4])
        .iter()
        .flat_map(|id| [json!(id), json!(spelled(id)[2])])
        .collect();
    let id = service.client.submit(&json!({"select": {"ids": asked}})).await;
    let _worker = site.worker().await;
    let job = service.client.ended(&id).await;

    let expected = json!({"erased": 4, "absent": 4});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    settle(&site).await;
    site.holds(&all[4..]).await;
}
