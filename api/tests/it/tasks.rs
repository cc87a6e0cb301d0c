//! Deletions by query as OpenSearch's tasks, and what is said about wrong parameters.

use axum::body::Body;
use lethe_common::ledger::{Delta, Record, RecordEnd, Work};
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::{Answer, App, request};

const TYPED: &str = r#"
    [[target]]
    name = "main"
    sql = { url = "sqlite://main.sqlite" }
    [[target.table]]
    name = "working"
    columns = { id = "id", user = "user_id" }
"#;

const PATH: &str = "/_plugins/_ml/memory_containers/main/memories/working/_delete_by_query";

async fn by_query(app: &App, parameters: &str, body: &Value) -> Answer {
    let path = format!("{PATH}?{parameters}");
    app.send_json("eraser", "POST", &path, body).await
}

async fn everything(app: &App, parameters: &str) -> Answer {
    by_query(app, parameters, &json!({"query": {"match_all": {}}})).await
}

async fn begun(app: &App, parameters: &str) -> String {
    let answer = everything(app, &format!("wait_for_completion=false&{parameters}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.headers.contains_key("lethe-job"));
    let task = answer.body["task"].as_str().expect("a task").to_owned();
    assert_eq!(answer.body, json!({"task": task}));
    task
}

#[track_caller]
fn refused(answer: &Answer, status: u16, kind: &str, reason: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    let cause = json!({"type": kind, "reason": reason});
    let error = json!({"root_cause": [cause], "type": kind, "reason": reason});
    assert_eq!(answer.body, json!({"error": error, "status": status}));
}

#[tokio::test]
async fn wrong_parameters_are_refused_as_opensearch_does() {
    let app = App::with(TYPED).await;
    let pace = "[requests_per_second] must be a float greater than 0. Use -1 to disable throttling.";
    let slices = |text: &str| format!("[slices] must be a positive integer or the string \"auto\", but was [{text}]");
    let int = |name: &str, text: &str| format!("Failed to parse int parameter [{name}] with value [{text}]");
    let flag = |text: &str| format!("Failed to parse value [{text}] as only [true] or [false] are allowed.");
    for (parameters, reason) in [
        ("requests_per_second=", pace.to_owned()),
        ("requests_per_second=0", pace.to_owned()),
        ("requests_per_second=-12", pace.to_owned()),
        ("requests_per_second=unlimited", pace.to_owned()),
        ("requests_per_second=NaN", pace.to_owned()),
        ("requests_per_second=inf", pace.to_owned()),
        ("slices=junk", slices("junk")),
        ("slices=0", slices("0")),
        ("slices=-1", slices("-1")),
        (
            "slices=1025",
            "The number of slices [1025] is too large. It must be less than [1024].".to_owned(),
        ),
        ("max_docs=x", int("max_docs", "x")),
        (
            "max_docs=-4",
            "[max_docs] parameter cannot be negative, found [-4]".to_owned(),
        ),
        ("max_docs=1&slices=2", "[max_docs] should be >= [slices]".to_owned()),
        ("scroll_size=asdf", int("scroll_size", "asdf")),
        (
            "scroll_size=0",
            "[scroll_size] parameter must be greater than 0, found [0]".to_owned(),
        ),
        (
            "scroll_size=10001",
            "Batch size is too large, size must be less than or equal to: [10000] but was [10001].".to_owned(),
        ),
        ("wait_for_completion=maybe", flag("maybe")),
        ("refresh=wait_for", flag("wait_for")),
        (
            "timeout=soon",
            "failed to parse setting [timeout] with value [soon] as a time value: unit is missing or unrecognized"
                .to_owned(),
        ),
        (
            "conflicts=cat",
            "conflicts may only be \"proceed\" or \"abort\" but was [cat]".to_owned(),
        ),
        (
            "routing=x",
            "request contains unrecognized parameter: [routing]".to_owned(),
        ),
    ] {
        let answer = everything(&app, parameters).await;
        refused(&answer, 400, "illegal_argument_exception", &reason);
    }
    for (parameters, max_docs, reason) in [
        ("", json!(-4), "[max_docs] parameter cannot be negative, found [-4]"),
        (
            "max_docs=5",
            json!(4),
            "[max_docs] set to two different values [4] and [5]",
        ),
        (
            "",
            json!("x"),
            "Failed to parse int parameter [max_docs] with value [x]",
        ),
        ("slices=9", json!(4), "[max_docs] should be >= [slices]"),
    ] {
        let body = json!({"query": {"match_all": {}}, "max_docs": max_docs});
        let answer = by_query(&app, parameters, &body).await;
        refused(&answer, 400, "illegal_argument_exception", reason);
    }
    assert_eq!(app.count().await, 0);
}

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
        (lease.job.per_second, lease.job.batch, lease.job.most),
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
    assert_eq!(lease.job.most, Some(3));
    assert!(matches!(lease.work, Work::Query));
}

#[tokio::test]
async fn an_index_is_a_target_or_a_table() {
    let more = r#"
    [[target]]
    name = "other"
    sql = { url = "sqlite://other.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id" }
    [[target.table]]
    name = "notes"
    columns = { id = "id", user = "user_id" }
    [[target]]
    name = "third"
    sql = { url = "sqlite://third.sqlite" }
    [[target.table]]
    name = "notes"
    columns = { id = "id", user = "user_id" }
    [[auth.key]]
    name = "mains"
    sha256 = "KEY"
    scopes = ["memories:delete:any"]
    targets = ["main"]
"#;
    let hash = lethe_common::config::KeyHash::of("key-of-mains").to_string();
    let app = App::with(&format!("{TYPED}{}", more.replace("KEY", &hash))).await;
    let body = json!({"query": {"match_all": {}}});
    let send = async |who: &str, index: &str| {
        let path = format!("/{index}/_delete_by_query?wait_for_completion=false");
        app.send_json(who, "POST", &path, &body).await
    };
    for (index, target, table) in [
        ("main", "main", "working"),
        ("working", "main", "working"),
        ("memories", "other", "memories"),
        ("other.notes", "other", "notes"),
        ("third", "third", "notes"),
        ("third.notes", "third", "notes"),
    ] {
        let answer = send("eraser", index).await;
        assert_eq!(answer.status, 200, "{index}: {}", answer.text);
        let lease = claim(&app).await.remove(0);
        assert_eq!((&*lease.route.target, &*lease.route.table), (target, table), "{index}");
        assert_eq!(lease.job.owner, None);
    }
    for (index, names) in [
        ("other", "other.memories, other.notes"),
        ("notes", "other.notes, third.notes"),
    ] {
        let reason = format!("index [{index}] is several tables: name one of {names}");
        refused(&send("eraser", index).await, 400, "illegal_argument_exception", &reason);
    }
    for (who, index) in [
        ("eraser", "nowhere"),
        ("eraser", "_all"),
        ("mains", "memories"),
        ("mains", "third.notes"),
    ] {
        let reason = format!("no such index [{index}]");
        refused(&send(who, index).await, 404, "index_not_found_exception", &reason);
    }
    assert_eq!(send("mains", "main").await.status, 200);
    let missing = app
        .send_json("eraser", "POST", "/main/_delete_by_query", &json!({}))
        .await;
    let reason = "Validation Failed: 1: query is missing;";
    refused(&missing, 400, "action_request_validation_exception", reason);
    for path in ["/main/_delete_by_query", "/memories/_delete_by_query"] {
        let stranger = app.send_json("", "POST", path, &body).await;
        assert_eq!(
            (stranger.status.as_u16(), &stranger.body["error"]["type"]),
            (401, &json!("security_exception")),
            "{path}"
        );
        assert_eq!(app.get("eraser", path).await.status, 405, "{path}");
    }
}
