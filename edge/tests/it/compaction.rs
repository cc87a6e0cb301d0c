//! Deleted text leaves the disk only when the collection is copied.

use std::path::Path;

use qdrant_client::{
    Payload, Qdrant,
    qdrant::{
        CountPointsBuilder, CreateFieldIndexCollectionBuilder, DeletePointsBuilder, FieldType, GetPointsBuilder,
        PointsIdsList, SetPayloadPointsBuilder,
    },
};
use serde_json::json;

use crate::harness::{Server, create, text, upsert};

/// Returns whether any file below the directory contains the text.
fn on_disk(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return on_disk(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

async fn count(client: &Qdrant) -> u64 {
    client
        .count(CountPointsBuilder::new("memories"))
        .await
        .unwrap()
        .result
        .unwrap()
        .count
}

async fn delete(client: &Qdrant, numbers: std::ops::Range<u64>) {
    let ids = numbers.map(Into::into).collect();
    let request = DeletePointsBuilder::new("memories").points(PointsIdsList { ids });
    client.delete_points(request.wait(true)).await.unwrap();
}

#[tokio::test]
async fn what_was_deleted_or_overwritten_before_a_restart_is_not_on_disk_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    create(&client, "memories").await;
    upsert(&client, "memories", 0..1_200).await;
    let index = CreateFieldIndexCollectionBuilder::new("memories", "user", FieldType::Keyword).wait(true);
    client.create_field_index(index).await.unwrap();
    delete(&client, 10..20).await;
    let payload = Payload::try_from(json!({"text": "nothing"})).unwrap();
    let request = SetPayloadPointsBuilder::new("memories", payload);
    let request = request
        .points_selector(PointsIdsList { ids: vec![30.into()] })
        .wait(true);
    client.set_payload(request).await.unwrap();
    drop(client);
    server.stop().await;
    // The engine keeps the text, which the copy then removes. This also shows that the search finds texts.
    assert!(on_disk(directory.path(), &text(15)));
    assert!(on_disk(directory.path(), &text(30)));

    let server = Server::start(directory.path()).await;
    let client = server.client();
    // A write is queued behind the copy, so its answer says that the copy is done.
    upsert(&client, "memories", 5_000..5_001).await;
    for number in (10..20).chain([30]) {
        assert!(!on_disk(directory.path(), &text(number)), "{number}");
    }
    assert!(on_disk(directory.path(), &text(40)));
    assert_eq!(count(&client).await, 1_191);
    let info = client.collection_info("memories").await.unwrap().result.unwrap();
    assert_eq!(info.payload_schema["user"].points, Some(1_191));

    // Writes still count: their operation numbers are above those of the copied points.
    delete(&client, 40..50).await;
    upsert(&client, "memories", [30]).await;
    drop(client);
    server.stop().await;
    let server = Server::start(directory.path()).await;
    let client = server.client();
    upsert(&client, "memories", 5_001..5_002).await;
    assert_eq!(count(&client).await, 1_182);
    let request = GetPointsBuilder::new("memories", vec![30.into()]).with_payload(true);
    let found = client.get_points(request).await.unwrap().result.remove(0);
    assert_eq!(found.payload["text"].as_str(), Some(&text(30)));
    assert!(!on_disk(directory.path(), &text(45)));
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_collection_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    create(&client, "memories").await;
    upsert(&client, "memories", 0..10).await;
    assert!(on_disk(directory.path(), &text(3)));
    client.delete_collection("memories").await.unwrap();
    assert!(!on_disk(directory.path(), &text(3)));
    server.stop().await;
}

#[tokio::test]
async fn leftovers_of_a_crash_are_swept() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    create(&client, "memories").await;
    upsert(&client, "memories", 0..10).await;
    drop(client);
    server.stop().await;
    // A copy that was not finished, and a collection that was being deleted.
    let unfinished = directory.path().join("collections/memories/building");
    let deleted = directory.path().join("tmp/some-collection");
    for leftover in [&unfinished, &deleted] {
        std::fs::create_dir_all(leftover.join("segments")).unwrap();
        std::fs::write(leftover.join("segments/page"), "left over").unwrap();
    }
    let server = Server::start(directory.path()).await;
    assert_eq!(count(&server.client()).await, 10);
    assert!(!unfinished.exists() && !deleted.exists());
    server.stop().await;
}
