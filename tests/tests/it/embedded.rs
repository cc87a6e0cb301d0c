//! The embedded default: one process, no configuration, no servers.

use std::path::Path;

use lethe_tests::client::counts;
use lethe_tests::config::{Config, KEY};
use lethe_tests::memories::{self, Memories, Memory, ids};
use lethe_tests::postgres::free_port;
use lethe_tests::process::Process;
use lethe_tests::service::{Service, lethe, target, up};
use lethe_tests::vectors::Vectors;
use lethe_tests::wait;
use qdrant_client::qdrant::{CreateCollectionBuilder, Distance, VectorParamsBuilder};
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
async fn a_start_that_fails_makes_no_key_that_nobody_sees() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // No client can be made for this URL.
    let target = "[[target]]
        name = \"main\"
        vector = { url = \"http://[b:6334\", tls = \"off\" }
        [[target.table]]
        name = \"memories\"
        collection = { name = \"memories\", point = \"uuid\", payload = { user = \"user_id\" } }";
    let config = directory.path().join("lethe.toml");
    std::fs::write(&config, target).unwrap();
    let mut command = lethe();
    command
        .arg("up")
        .arg("--data")
        .arg(&data)
        .args(["--listen", "127.0.0.1:0"]);
    let mut failing = Process::start("up", command.arg("--config").arg(&config), directory.path());
    assert_eq!(failing.exits().await.code(), Some(1));
    assert!(failing.log().contains("prepare the stores"), "{}", failing.log());

    let service = up(&data, None, directory.path()).await;
    assert!(service.said["key"].is_string(), "the first start that works shows it");
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

#[tokio::test(flavor = "multi_thread")]
async fn the_vector_store_keeps_its_port_until_that_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let url = |service: &Service| service.said["qdrant"]["url"].as_str().unwrap().to_owned();
    let kept = || std::fs::read_to_string(data.join("qdrant.port")).unwrap();
    let mut first = up(&data, None, directory.path()).await;
    assert_eq!(url(&first), format!("http://127.0.0.1:{}", kept()));
    first.process.terminate();
    assert!(first.process.exits().await.success());

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    std::fs::write(data.join("qdrant.port"), port.to_string()).unwrap();
    let mut second = up(&data, None, directory.path()).await;
    assert_ne!(url(&second), format!("http://127.0.0.1:{port}"));
    let said = "the port of the vector store is taken";
    assert!(second.process.log().contains(said), "{}", second.process.log());
    second.process.terminate();
    assert!(second.process.exits().await.success());

    let port = kept();
    let third = up(&data, None, directory.path()).await;
    // Another test may have taken it meanwhile, and then the log says so.
    assert!(
        url(&third) == format!("http://127.0.0.1:{port}") || third.process.log().contains(said),
        "{}",
        url(&third)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_can_name_the_vector_store() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("qdrant.key"), "a-key-of-the-test").unwrap();
    let url = format!("http://127.0.0.1:{}", free_port());
    let vectors = Vectors::existing(&url, "a-key-of-the-test", "own", 384);
    let rows = Memories::sqlite(directory.path()).await;
    let config = Config::default()
        .set("embedded.qdrant_listen", url.trim_start_matches("http://"))
        .targets(&target("own", rows.url(), &url, &vectors));
    let service = up(&data, Some(&config), directory.path()).await;
    assert_eq!(service.said["qdrant"]["url"], url);
    let parameters = VectorParamsBuilder::new(384, Distance::Dot);
    let collection = CreateCollectionBuilder::new("own").vectors_config(parameters);
    vectors.client().create_collection(collection).await.unwrap();

    let all = memories::of("alice", 10);
    rows.add(&all).await;
    vectors.add(&all).await;
    let job = service.client.succeeds(&json!({"select": {"ids": ids(&all)}})).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 10}, "vector": {"erased": 10}}));
    assert_eq!((rows.count().await, vectors.count().await), (0, 0));
    assert!(!data.join("memories.sqlite").exists(), "the memories are elsewhere");
}
