//! A deletion by query as a task: watched, paced, cancelled and forgotten.

use axum::body::Body;
use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{Delta, Kind, NewPartition, Record, RecordEnd, Work};
use serde_json::json;

use super::{PATH, TYPED, begun, done, refused};
use crate::accepting::claim;
use crate::app::{App, request};

#[tokio::test]
async fn a_task_is_watched_and_paced() {
    let app = App::with(TYPED).await;
    let task = begun(
        &app,
        "requests_per_second=0.5&scroll_size=7&slices=auto&refresh&timeout=1m",
    )
    .await;
    let path = format!("/_tasks/{}", task.replace(':', "%3A"));
    let answer = app.get("eraser", &path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let seen = &answer.body["task"];
    let (node, number) = task.split_once(':').expect("node and number");
    assert_eq!(
        (
            &answer.body["completed"],
            &seen["node"],
            seen["id"].to_string().as_str()
        ),
        (&json!(false), &json!(node), number)
    );
    assert_eq!(seen["action"], "indices:data/write/delete/byquery");
    assert_eq!(seen["description"], "delete-by-query [working]");
    assert_eq!(
        seen["status"],
        json!({
            "total": 0, "updated": 0, "created": 0, "deleted": 0, "batches": 0, "version_conflicts": 0, "noops": 0,
            "retries": {"bulk": 0, "search": 0}, "throttled_millis": 0, "requests_per_second": 0.5,
            "throttled_until_millis": 0,
        })
    );
    let lease = claim(&app).await.remove(0);
    assert_eq!(
        (lease.job.per_second, lease.job.batch, lease.job.max_memories),
        (Some(0.5), Some(7), None)
    );

    let rethrottle = format!("/_delete_by_query/{task}/_rethrottle");
    for (query, reason) in [
        ("", "requests_per_second is a required parameter"),
        (
            "?requests_per_second=0",
            "[requests_per_second] must be a float greater than 0. Use -1 to disable throttling.",
        ),
        (
            "?requests_per_second=1&x=1",
            "request contains unrecognized parameter: [x]",
        ),
    ] {
        let answer = app.post("eraser", &format!("{rethrottle}{query}")).await;
        refused(&answer, 400, "illegal_argument_exception", reason);
    }
    let answer = app
        .post("eraser", &format!("{rethrottle}?requests_per_second=-1"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let shown = &answer.body["nodes"][node]["tasks"][&task];
    assert_eq!(shown["status"]["requests_per_second"], -1.0, "{}", answer.text);

    let listed = app
        .get("eraser", "/_tasks?actions=*/delete/byquery&group_by=none")
        .await;
    assert_eq!(
        listed.body["tasks"].as_array().map(Vec::len),
        Some(1),
        "{}",
        listed.text
    );
    assert!(listed.body["tasks"][0].get("status").is_none());
    let others = app.get("eraser", "/_tasks?actions=*reindex").await;
    assert_eq!(others.body, json!({"nodes": {}}));

    // OpenSearch changes any task's pace on any of these paths.
    for (path, pace) in [("_reindex", 3.0), ("_update_by_query", 4.0)] {
        let path = format!("/{path}/{task}/_rethrottle?requests_per_second={pace}&group_by=none");
        let answer = app.post("eraser", &path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["tasks"][0]["status"]["requests_per_second"], pace);
    }
}

#[tokio::test]
async fn a_task_is_cancelled_and_forgotten() {
    let app = App::with(TYPED).await;
    let task = begun(&app, "").await;
    let path = format!("/_tasks/{task}");
    let lease = claim(&app).await.remove(0);
    let running = app.send_json("eraser", "DELETE", &path, &json!(null)).await;
    assert_eq!(running.status, 409, "{}", running.text);
    let answer = app.post("eraser", &format!("{path}/_cancel?group_by=parents")).await;
    assert_eq!(answer.body["tasks"][&task]["cancelled"], true, "{}", answer.text);
    app.ledger
        .record(&[Record {
            lease: &lease,
            delta: Delta::default(),
            progress: None,
            remaining: 0,
            end: Some(RecordEnd::Cancelled),
        }])
        .await
        .expect("the ledger answers");
    let waited = app
        .get("eraser", &format!("{path}?wait_for_completion=true&timeout=10s"))
        .await;
    assert_eq!(
        (&waited.body["completed"], &waited.body["response"]["canceled"]),
        (&json!(true), &json!("by user request")),
        "{}",
        waited.text
    );
    let absent = format!("task [{task}] isn't running and hasn't stored its results");
    let again = app.post("eraser", &format!("{path}/_cancel")).await;
    refused(&again, 404, "resource_not_found_exception", &absent);
    let rethrottle = format!("/_delete_by_query/{task}/_rethrottle?requests_per_second=1");
    let late = app.post("eraser", &rethrottle).await;
    refused(&late, 404, "resource_not_found_exception", &absent);

    let forgotten = app.send_json("eraser", "DELETE", &path, &json!(null)).await;
    assert_eq!(
        (forgotten.status.as_u16(), &forgotten.body),
        (200, &json!({"acknowledged": true}))
    );
    refused(
        &app.get("eraser", &path).await,
        404,
        "resource_not_found_exception",
        &absent,
    );
    assert_eq!(app.count().await, 1, "its job stays");
    let malformed = app.get("eraser", "/_tasks/foo").await;
    refused(&malformed, 400, "illegal_argument_exception", "malformed task id foo");
}

#[tokio::test]
async fn what_a_caller_calls_its_request_is_said_again() {
    let app = App::with(TYPED).await;
    let asked = request("eraser", "POST", &format!("{PATH}?wait_for_completion=false"))
        .header("content-type", "application/json")
        .header("x-opaque-id", "purge 7");
    let body = Body::from(r#"{"query": {"match_all": {}}, "max_docs": 3}"#);
    let answer = app.send(asked.body(body).expect("a request")).await;
    let task = answer.body["task"].as_str().expect("a task");
    let seen = app.get("eraser", &format!("/_tasks/{task}")).await;
    assert_eq!(seen.body["task"]["headers"], json!({"X-Opaque-Id": "purge 7"}));
    let lease = claim(&app).await.remove(0);
    assert_eq!(lease.job.max_memories, Some(3));
    assert!(matches!(lease.work, Work::Query));
}

#[tokio::test]
async fn slices_are_counted_and_add_up() {
    let app = App::with(TYPED).await;
    let task = begun(&app, "slices=3&requests_per_second=6&scroll_size=2").await;
    let path = format!("/_tasks/{task}");
    let status = async || app.get("eraser", &path).await.body["task"]["status"].clone();
    let before = status().await;
    assert_eq!(
        (&before["total"], before["slices"].as_array().map(Vec::len)),
        (&json!(0), Some(3))
    );

    let plan = claim(&app).await.remove(0);
    let range = |n| NewPartition {
        kind: Kind::Erase,
        route: plan.route.clone(),
        stores: vec![StoreKind::Sql],
        work: Work::Range {
            after: None,
            through: None,
        },
        alias: 0,
        remaining: n,
    };
    let planned = Delta {
        selected: 12,
        planned: vec![range(5), range(3), range(4)],
        ..Delta::default()
    };
    done(&app, &plan, planned).await;
    for lease in claim(&app).await {
        let mut delta = Delta::default();
        let conflicted = u64::from(lease.remaining == 3);
        delta.count(StoreKind::Sql, Outcome::Erased, lease.remaining - conflicted);
        delta.count(StoreKind::Sql, Outcome::Conflicted, conflicted);
        done(&app, &lease, delta).await;
    }
    let slice = |id: u64, total: u64, deleted: u64, batches: u64, conflicts: u64| {
        json!({
            "slice_id": id, "total": total, "updated": 0, "created": 0, "deleted": deleted, "batches": batches,
            "version_conflicts": conflicts, "noops": 0, "retries": {"bulk": 0, "search": 0}, "throttled_millis": 0,
            "requests_per_second": 2.0, "throttled_until_millis": 0,
        })
    };
    let slices = [slice(0, 5, 5, 3, 0), slice(1, 3, 2, 2, 1), slice(2, 4, 4, 2, 0)];
    let whole = json!({
        "total": 12, "updated": 0, "created": 0, "deleted": 11, "batches": 7, "version_conflicts": 1, "noops": 0,
        "retries": {"bulk": 0, "search": 0}, "throttled_millis": 0, "requests_per_second": 6.0,
        "throttled_until_millis": 0, "slices": slices,
    });
    assert_eq!(status().await, whole);
    let listed = app.get("eraser", "/_tasks?detailed&group_by=parents").await;
    assert_eq!(listed.body["tasks"][&task]["status"], whole);

    // A table is one shard.
    for parameters in ["slices=auto", "slices=1"] {
        let task = begun(&app, parameters).await;
        let seen = app.get("eraser", &format!("/_tasks/{task}")).await;
        assert_eq!(seen.body["task"]["status"].get("slices"), None, "{parameters}");
    }
}
