//! Deletions by query with counts per slice.

use lethe_tests::layout::Layout;
use lethe_tests::on_both_databases;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Notes, ROOT, all};

on_both_databases!(
    slices_say_what_became_of_their_parts_and_add_up,
    a_sliced_purge_ends_when_its_pace_is_lifted,
);

/// The counts of the whole that are the sums of its slices.
const SUMMED: [&str; 8] = [
    "total",
    "deleted",
    "updated",
    "created",
    "batches",
    "version_conflicts",
    "noops",
    "throttled_millis",
];

/// Returns the slices of a status, and asserts that they add up to it.
#[track_caller]
fn slices(status: &Value) -> &Vec<Value> {
    let slices = status["slices"].as_array().expect("slices");
    for name in SUMMED {
        let sum: u64 = slices.iter().map(|slice| slice[name].as_u64().expect("a number")).sum();
        assert_eq!(status[name], sum, "{name}: {status}");
    }
    for (id, slice) in slices.iter().enumerate() {
        assert_eq!(slice["slice_id"], id, "{status}");
    }
    slices
}

async fn slices_say_what_became_of_their_parts_and_add_up(layout: Layout) {
    // Partitions have at most ten batches.
    let notes = Notes::with(layout, "", |config| config.set("worker.batch", 2)).await;
    notes.add(70).await;
    let path = format!("{ROOT}/working/_delete_by_query?slices=3");
    let answer = notes
        .ana
        .send(notes.ana.request(Method::POST, &path).json(&all()))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(
        (&answer.body["total"], &answer.body["deleted"]),
        (&json!(70), &json!(70)),
        "{}",
        answer.text
    );
    let slices = slices(&answer.body);
    assert_eq!(slices.len(), 3);
    assert!(
        slices.iter().all(|slice| slice["deleted"].as_u64() > Some(0)),
        "{}",
        answer.text
    );
    assert!(slices.iter().all(|slice| slice["total"] == slice["deleted"]));
    assert!(slices.iter().all(|slice| slice["requests_per_second"] == -1.0));
    assert_eq!(notes.count().await, 0);

    // More slices than partitions: the other slices have nothing to do.
    notes.add(4).await;
    let path = format!("{ROOT}/working/_delete_by_query?slices=5");
    let answer = notes
        .ana
        .send(notes.ana.request(Method::POST, &path).json(&all()))
        .await;
    let deleted: Vec<_> = self::slices(&answer.body)
        .iter()
        .map(|slice| slice["deleted"].as_u64())
        .collect();
    assert_eq!(
        deleted,
        [Some(4), Some(0), Some(0), Some(0), Some(0)],
        "{}",
        answer.text
    );
}

async fn a_sliced_purge_ends_when_its_pace_is_lifted(layout: Layout) {
    let notes = Notes::start(layout).await;
    notes.add(6).await;
    let task = notes.begin("slices=2&requests_per_second=0.0001").await;
    let path = format!("/_reindex/{task}/_rethrottle?requests_per_second=-1");
    let answer = notes.ana.post(&path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let ended = notes.task(&task, "?wait_for_completion=true").await;
    assert_eq!(ended["completed"], true, "{ended}");
    for status in [&ended["response"], &ended["task"]["status"]] {
        assert_eq!(slices(status).len(), 2, "{ended}");
        let numbers = ["total", "deleted", "version_conflicts"].map(|name| &status[name]);
        assert_eq!(numbers, [&json!(6), &json!(6), &json!(0)], "{ended}");
    }
    assert_eq!(ended["response"]["failures"], json!([]));
    assert_eq!(notes.count().await, 0);
}
