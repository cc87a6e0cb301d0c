//! The embedded default: one process, no configuration, no servers.

use std::path::Path;

use lethe_tests::client::counts;
use lethe_tests::config::{Config, KEY};
use lethe_tests::memories::{self, Memories, Memory, ids};
use lethe_tests::service::{Service, up};
use lethe_tests::vectors::Vectors;
use lethe_tests::wait;
use reqwest::{Method, StatusCode};
use serde_json::json;

/// Opens the stores of a data directory, over the test's own connections.
fn stores(data: &Path, service: &Service) -> (Memories, Vectors) {
    let sql = format!("sqlite://{}", data.join("memories.sqlite").display());
    let (url, key) = (
        service.said["qdrant"]["url"].as_str(),
        service.said["qdrant"]["key"].as_str(),
    );
    let vectors = Vectors::existing(url.unwrap(), key.unwrap(), "memories", 384);
    (Memories::open_sqlite(&sql), vectors)
}

fn others(all: &[Memory], gone: &[Memory]) -> Vec<Memory> {
    let mut left: Vec<Memory> = all.iter().filter(|memory| !gone.contains(memory)).cloned().collect();
    left.sort();
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_directory_serves_the_agno_fixture() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    memories::copy_fixture(&data.join("memories.sqlite"));
    let mut service = up(&data, None, directory.path()).await;
    assert_eq!(service.said["pid"].as_u64(), Some(u64::from(service.process.id())));
    let key = service.said["key"]
        .as_str()
        .expect("the first start makes a key")
        .to_owned();
    let (rows, vectors) = stores(&data, &service);
    let all = rows.left().await;
    assert_eq!(all.len(), 5_011);
    vectors.add(&all).await;

    // Looks for points use these fields.
    let info = vectors.client().collection_info("memories").await.unwrap();
    let mut indexed: Vec<String> = info.result.unwrap().payload_schema.into_keys().collect();
    indexed.sort();
    assert_eq!(indexed, ["agent_id", "memory_id", "user_id"]);

    let gone: Vec<Memory> = all.iter().step_by(10).cloned().collect();
    let job = service.client.succeeds(&json!({"select": {"ids": ids(&gone)}})).await;
    let expected = json!({"erased": gone.len()});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}));
    let left = others(&all, &gone);
    assert_eq!(rows.left().await, left);
    assert_eq!(vectors.left().await, left);

    // A second start prints no key, and still knows the first key and the job.
    service.process.terminate();
    assert!(service.process.exits().await.success());
    let mut service = up(&data, None, directory.path()).await;
    assert_eq!(service.said["key"], json!(null));
    service.client = lethe_tests::client::Client::new(service.client.url(), &key);
    assert_eq!(
        service.client.job(job["id"].as_str().unwrap()).await["state"],
        "succeeded"
    );
    assert_eq!(stores(&data, &service).1.left().await, left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_key_is_made_once_and_not_where_the_configuration_has_keys() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // The configuration of tests has a key.
    let mut configured = up(&data, Some(&Config::default()), directory.path()).await;
    assert_eq!(configured.said["key"], json!(null));
    configured.process.terminate();
    assert!(configured.process.exits().await.success());

    let mut first = up(&data, None, directory.path()).await;
    assert!(first.said["key"].is_string(), "no start has made one yet");
    let revoked = first
        .client
        .send(first.client.request(Method::DELETE, "/v1/keys/first"))
        .await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT, "{}", revoked.text);
    first.process.terminate();
    assert!(first.process.exits().await.success());

    let second = up(&data, None, directory.path()).await;
    assert_eq!(second.said["key"], json!(null), "an operator has revoked it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // Many small steps, so that the kill falls between them.
    let config = Config::default().set("worker.batch", 5).set("worker.slots", 1);
    let mut service = up(&data, Some(&config), directory.path()).await;
    let (rows, vectors) = stores(&data, &service);
    let (alice, bob) = (memories::of("alice", 2_000), memories::of("bob", 20));
    let all = [alice.clone(), bob.clone()].concat();
    rows.add(&all).await;
    vectors.add(&all).await;

    let id = service.client.submit_ids(&ids(&alice)).await;
    wait::until_true("it has begun", || async { rows.count().await < 2_000 }).await;
    service.process.kill();
    let erased = 2_020 - rows.count().await;
    assert!(0 < erased && erased < 2_000, "killed in the middle: {erased}");

    let service = up(&data, Some(&config), directory.path()).await;
    let client = lethe_tests::client::Client::new(service.client.url(), KEY);
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(
        counts(&job),
        json!({"sql": {"erased": 2_000}, "vector": {"erased": 2_000}})
    );
    let (rows, vectors) = stores(&data, &service);
    let left = others(&all, &alice);
    assert_eq!(rows.left().await, left);
    assert_eq!(vectors.left().await, left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_after_it_accepted_has_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let config = Config::default();
    let mut service = up(&data, Some(&config), directory.path()).await;
    let (rows, vectors) = stores(&data, &service);
    let all = memories::of("alice", 100);
    rows.add(&all).await;
    vectors.add(&all).await;

    let id = service.client.submit_ids(&ids(&all)).await;
    service.process.kill();

    let service = up(&data, Some(&config), directory.path()).await;
    let client = lethe_tests::client::Client::new(service.client.url(), KEY);
    assert_eq!(client.ended(&id).await["state"], "succeeded");
    let (rows, vectors) = stores(&data, &service);
    assert_eq!((rows.count().await, vectors.count().await), (0, 0));
}
