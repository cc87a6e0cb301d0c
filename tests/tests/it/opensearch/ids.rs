//! Deletions by type and id.

use lethe_tests::layout::Layout;
use lethe_tests::on_both_databases;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Notes, delete, refused};

on_both_databases!(
    a_memory_is_deleted_by_type_and_id_and_its_version_is_said,
    somebody_elses_memory_is_refused_to_who_reaches_the_container,
);

async fn a_memory_is_deleted_by_type_and_id_and_its_version_is_said(layout: Layout) {
    let notes = Notes::start(layout).await;
    let admin = &notes.service.client;
    // Types match in any case. A memory of another type is not found.
    let missing = delete(admin, "history/w1").await;
    refused(&missing, StatusCode::NOT_FOUND, "Memory not found");
    let deleted = delete(admin, "Working/w1").await;
    assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
    let body = &deleted.body;
    assert_eq!(
        (&body["result"], &body["_id"], &body["_version"], &body["_index"]),
        (&json!("deleted"), &json!("w1"), &json!(5), &json!("notes"))
    );
    assert_eq!(body["_shards"], json!({"total": 1, "successful": 1, "failed": 0}));
    // A row without a version has version 1, and the deletion adds 1.
    assert_eq!(delete(admin, "history/h1").await.body["_version"], 2);
    assert_eq!(notes.left().await, "l1 w2 w3");

    let wrong = delete(admin, "dreams/x").await;
    let reason = "Invalid memory type: dreams. Must be one of: sessions, working, long-term, history";
    refused(&wrong, StatusCode::BAD_REQUEST, reason);
    let elsewhere = "/_plugins/_ml/memory_containers/nowhere/memories/working/w2";
    let elsewhere = admin.send(admin.request(Method::DELETE, elsewhere)).await;
    refused(&elsewhere, StatusCode::NOT_FOUND, "Memory container not found");
}

async fn somebody_elses_memory_is_refused_to_who_reaches_the_container(layout: Layout) {
    let notes = Notes::start(layout).await;
    let strangers = delete(&notes.ana, "working/w3").await;
    let reason = "User doesn't have permissions to delete this memory";
    refused(&strangers, StatusCode::FORBIDDEN, reason);
    refused(
        &delete(&notes.ana, "working/none").await,
        StatusCode::NOT_FOUND,
        "Memory not found",
    );
    assert_eq!(notes.left().await, "h1 l1 w1 w2 w3");
    assert_eq!(delete(&notes.ana, "working/w1").await.status, StatusCode::OK);
    assert_eq!(notes.left().await, "h1 l1 w2 w3");
    // The preview that found this out is not listed.
    let jobs = notes.ana.get("/v1/jobs").await;
    assert!(
        jobs.body["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|job| job["dry_run"] == false)
    );
}
