//! Deletions by query as tasks: paced and cancelled.

use std::time::{Duration, Instant};

use lethe_tests::layout::Layout;
use lethe_tests::{on_both_databases, wait};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Notes, ROOT, all};

on_both_databases!(
    a_purge_under_way_follows_its_new_pace,
    a_purge_waits_between_its_batches_and_says_so,
    a_purge_is_cancelled_as_a_task,
    purges_are_cancelled_together,
);

async fn a_purge_under_way_follows_its_new_pace(layout: Layout) {
    let notes = Notes::start(layout).await;
    notes.add(300).await;
    // About a month per memory.
    let a_month = "0.0000004";
    let waits_a_month = |seen: &Value| {
        let throttled = seen["task"]["status"]["throttled_until_millis"].as_u64().unwrap();
        throttled > 1_000_000_000
    };
    let task = notes.begin(&format!("requests_per_second={a_month}")).await;
    let first = || async { notes.task(&task, "").await["task"]["status"]["deleted"] == 1 };
    wait::until_true("the first is gone", first).await;
    let seen = notes.task(&task, "").await;
    let status = &seen["task"]["status"];
    assert_eq!(
        (&seen["completed"], &status["deleted"]),
        (&json!(false), &json!(1)),
        "{seen}"
    );
    assert!(waits_a_month(&seen), "{seen}");
    assert!(status["throttled_millis"].as_u64().unwrap() < 60_000, "{seen}");
    // A job that waits for its pace checks for a new pace each second, or half a second later at most.
    let next = notes.next_attempt_in().await;
    assert!(next.is_none_or(|ms| ms <= 1_500), "{next:?}");

    notes.rethrottle(&task, "20").await;
    wait::until_true("it goes on", || async { notes.count().await < 299 }).await;

    notes.rethrottle(&task, a_month).await;
    let slowed = || async { waits_a_month(&notes.task(&task, "").await) };
    wait::until_true("a batch is followed by a month", slowed).await;
    let before = notes.count().await;
    // At the old pace, fifty memories would go in this time.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let after = notes.count().await;
    // At most one memory, since a batch has only one at this pace.
    assert!(before - after <= 1, "slower after the batch: {before}, {after}");
    assert!(after > 0, "it ended before it was slowed");

    notes.rethrottle(&task, "-1").await;
    let ended = notes.task(&task, "?wait_for_completion=true&timeout=30s").await;
    assert_eq!(
        (
            &ended["completed"],
            &ended["response"]["deleted"],
            &ended["response"]["failures"]
        ),
        (&json!(true), &json!(300), &json!([])),
        "{ended}"
    );
    assert_eq!(notes.count().await, 0);
}

async fn a_purge_is_cancelled_as_a_task(layout: Layout) {
    let notes = Notes::start(layout).await;
    notes.add(50).await;
    let task = notes.begin("requests_per_second=10").await;
    wait::until_true("it has begun", || async { notes.count().await < 50 }).await;
    let listed = notes.ana.get("/_tasks?detailed=true&group_by=parents").await;
    assert_eq!(
        listed.body["tasks"][&task]["description"], "delete-by-query [notes]",
        "{}",
        listed.text
    );
    let answer = notes
        .ana
        .post(&format!("/_tasks/{task}/_cancel?wait_for_completion=true"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let ended = notes.task(&task, "").await;
    assert_eq!(
        (&ended["completed"], &ended["response"]["canceled"]),
        (&json!(true), &json!("by user request")),
        "{ended}"
    );
    let left = notes.count().await;
    assert_eq!(ended["response"]["deleted"], 50 - left, "{ended}");
    let answer = notes
        .ana
        .send(notes.ana.request(Method::DELETE, &format!("/_tasks/{task}")))
        .await;
    assert_eq!(answer.body, json!({"acknowledged": true}));
    let gone = notes.ana.get(&format!("/_tasks/{task}")).await;
    assert_eq!(
        gone.body["error"]["type"], "resource_not_found_exception",
        "{}",
        gone.text
    );
}

async fn a_purge_waits_between_its_batches_and_says_so(layout: Layout) {
    let notes = Notes::start(layout).await;
    let send = async |pace: &str| {
        notes.add(3).await;
        let path = format!("{ROOT}/working/_delete_by_query?scroll_size=1&requests_per_second={pace}");
        let start = Instant::now();
        let answer = notes
            .ana
            .send(notes.ana.request(Method::POST, &path).json(&all()))
            .await;
        let took = start.elapsed().as_millis();
        let numbers = ["batches", "deleted"].map(|name| answer.body[name].clone());
        assert_eq!(numbers, [json!(3), json!(3)], "{}", answer.text);
        (answer.body["throttled_millis"].as_u64().unwrap(), took)
    };
    // Throttled for a second after each batch but the last, and no longer than the whole request took.
    let (throttled, took) = send("1").await;
    assert!(
        throttled > 1_000 && u128::from(throttled) <= took,
        "{throttled}, {took}"
    );
    assert_eq!(send("-1").await.0, 0);
}

async fn purges_are_cancelled_together(layout: Layout) {
    let notes = Notes::start(layout).await;
    notes.add(50).await;
    let tasks = [
        notes.begin("requests_per_second=0.01").await,
        notes.begin("requests_per_second=0.01").await,
    ];
    let path = "/_tasks/_cancel?actions=*/delete/byquery&wait_for_completion=true&group_by=parents";
    let answer = notes.ana.post(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    for task in &tasks {
        assert_eq!(answer.body["tasks"][task]["cancelled"], true, "{}", answer.text);
        let ended = notes.task(task, "").await;
        assert_eq!(
            (&ended["completed"], &ended["response"]["canceled"]),
            (&json!(true), &json!("by user request")),
            "{ended}"
        );
    }
    assert!(notes.count().await > 40);
}
