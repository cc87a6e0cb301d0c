//! Legal holds: placing, reading and releasing them, and the warnings of jobs that they concern.

mod refused;
mod rights;
mod told;

use axum::body::Body;
use lethe_common::ledger::{Route, WorkerReport};
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::{Answer, App, MAIN, request};
use crate::audit::trail;
use crate::stores::{Memory, Worker};

/// The path of the hold of most tests.
const PATH: &str = "/v1/holds/case-77";

/// Returns a hold on a person's memories.
fn body() -> Value {
    json!({"persons": ["ana"], "ground": "17(3)(e)", "by": "Legal, Ms Lee", "reference": "CASE-77"})
}

async fn put(app: &App, body: &Value) -> Answer {
    app.send_json("root", "PUT", PATH, body).await
}

/// Places a hold that is new.
async fn placed(app: &App, body: &Value) -> Value {
    let answer = put(app, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body
}

async fn release(app: &App) -> u16 {
    let request = request("root", "DELETE", PATH).body(Body::empty());
    app.send(request.expect("a request")).await.status.as_u16()
}

async fn names(app: &App, query: &str) -> Vec<String> {
    let answer = app.get("root", &format!("/v1/holds{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let holds = answer.body["holds"].as_array().expect("a list");
    let name = |hold: &Value| hold["name"].as_str().expect("a name").to_owned();
    holds.iter().map(name).collect()
}

#[tokio::test]
async fn a_hold_is_placed_replaced_and_released() {
    let app = App::new().await;
    let new = placed(&app, &body()).await;
    for (field, value) in [
        ("name", json!("case-77")),
        ("target", Value::Null),
        ("table", Value::Null),
        ("kind", json!("persons")),
        ("persons", json!(["ana"])),
        ("ground", json!("17(3)(e)")),
        ("by", json!("Legal, Ms Lee")),
        ("reference", json!("CASE-77")),
        ("principal", json!("root")),
        ("until", Value::Null),
        ("released_at", Value::Null),
        ("jobs", json!(0)),
        ("in_flight", json!({"jobs": [], "more": false})),
        ("not_covered", json!([])),
        ("unserved", json!(["main"])),
    ] {
        assert_eq!(new[field], value, "{field}: {new:#}");
    }
    let read = app.get("root", PATH).await;
    assert_eq!((read.status.as_u16(), &read.body["persons"]), (200, &json!(["ana"])));
    assert_eq!(names(&app, "").await, ["case-77"]);

    let other = json!({
        "target": "main", "ids": ["a", "b", "a"], "ground": "legal_claims", "until": "2099-01-31T12:00:00Z",
    });
    let replaced = put(&app, &other).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text);
    for (field, value) in [
        ("kind", json!("ids")),
        ("ids", json!(["a", "b"])),
        ("table", json!("memories")),
        ("persons", Value::Null),
        ("by", Value::Null),
        ("until", json!("2099-01-31T12:00:00Z")),
        ("created_at", new["created_at"].clone()),
    ] {
        assert_eq!(replaced.body[field], value, "{field}: {}", replaced.text);
    }

    assert_eq!(release(&app).await, 204);
    assert_eq!(release(&app).await, 404);
    let gone = app.get("root", PATH).await.body;
    assert!(gone["released_at"].is_string() && gone.get("ids").is_none(), "{gone:#}");
    assert_eq!(names(&app, "").await, Vec::<String>::new());
    assert_eq!(names(&app, "?all=true").await, ["case-77"]);
    placed(&app, &body()).await;
}

#[tokio::test]
async fn a_list_has_pages_and_shows_no_person() {
    let app = App::new().await;
    for name in ["c", "a", "b"] {
        let path = format!("/v1/holds/{name}");
        let answer = app.send_json("root", "PUT", &path, &body()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    assert_eq!(names(&app, "").await, ["a", "b", "c"]);
    let first = app.get("root", "/v1/holds?limit=2").await;
    assert_eq!(first.body["next"], "b", "{}", first.text);
    assert!(!first.text.contains("ana"), "{}", first.text);
    assert_eq!(names(&app, "?limit=2&after=b").await, ["c"]);
    for (query, says) in [
        ("limit=0", "`limit`"),
        ("limit=101", "`limit`"),
        ("all=yes", "`all`"),
        ("after=A%20b", "`after`"),
    ] {
        let answer = app.get("root", &format!("/v1/holds?{query}")).await;
        answer.refused(422, "invalid", says);
    }
}

#[tokio::test]
async fn the_trail_has_kinds_and_names_and_no_persons() {
    let app = App::new().await;
    placed(&app, &body()).await;
    app.get("root", PATH).await;
    assert_eq!(release(&app).await, 204);
    let events = trail(&app).await;
    let acts: Vec<&str> = events.iter().map(|event| event.act.as_str()).collect();
    assert_eq!(acts, ["hold.release", "hold.read", "hold.put"]);
    for event in &events {
        assert_eq!((event.object_type.as_str(), &*event.object_id), ("hold", "case-77"));
        let text = serde_json::to_string(event).expect("JSON");
        assert!(!text.contains("ana") && !text.contains("Lee"), "{text}");
    }
}

#[tokio::test]
async fn a_new_hold_names_the_jobs_whose_batches_have_begun() {
    let app = App::with(&format!("{MAIN}{SPARE}")).await;
    let asked = json!({"target": "main", "select": {"ids": ["a"]}});
    let waiting = app.create("eraser", &asked).await.job();
    let begun = app.create("eraser", &asked).await.job();
    for lease in claim(&app).await {
        if lease.job.id == begun {
            let intent = app.ledger.intend(&[(&lease, "a batch".to_owned())]).await;
            intent.expect("the ledger answers");
        }
    }
    let hold = placed(&app, &body()).await;
    let expected = json!({"jobs": [{"id": begun.to_string(), "partitions": 1}], "more": false});
    assert_eq!(hold["in_flight"], expected, "{waiting} {hold:#}");
    // The batch is in another target.
    let mut elsewhere = body();
    elsewhere["target"] = json!("spare");
    let hold = put(&app, &elsewhere).await.body;
    assert_eq!(hold["in_flight"]["jobs"], json!([]), "{hold:#}");
}

/// A target whose rows have no owner. Of two tables, one has it in its vectors.
const SPARE: &str = r#"
    [[target]]
    name = "spare"
    sql = { url = "sqlite://spare.sqlite" }
    vector = { url = "http://localhost:6335" }
    [[target.table]]
    name = "notes"
    columns = { id = "id" }
    [[target.table]]
    name = "pages"
    columns = { id = "id" }
    collection = { name = "pages", point = "uuid", payload = { id = "id", user = "user_id" } }
"#;

#[tokio::test]
async fn a_hold_on_persons_names_the_tables_that_know_none() {
    let app = App::with(&format!("{MAIN}{SPARE}")).await;
    let uncovered = |table: &str| json!({"target": "spare", "table": table});
    let hold = placed(&app, &body()).await;
    assert_eq!(hold["not_covered"], json!([uncovered("notes"), uncovered("pages")]));
    assert_eq!(hold["unserved"], json!(["main", "spare"]));
    for (body, expected) in [
        (json!({"everything": true, "ground": "other"}), json!([])),
        (
            json!({"persons": ["ana"], "target": "main", "ground": "other"}),
            json!([]),
        ),
        (
            json!({"persons": ["ana"], "target": "spare", "table": "pages", "ground": "other"}),
            json!([uncovered("pages")]),
        ),
    ] {
        let answer = put(&app, &body).await;
        assert_eq!(answer.body["not_covered"], expected, "{}", answer.text);
    }
    let named = json!({"persons": ["ana"], "target": "spare", "table": "notes", "ground": "other"});
    put(&app, &named)
        .await
        .refused(422, "invalid", "does not map this field");
}

#[tokio::test]
async fn a_served_target_is_not_named() {
    let app = App::new().await;
    let mapping = app.config.mappings().next().expect("one mapping");
    let report = WorkerReport {
        name: "w".to_owned(),
        version: "1.2.3",
        slots: 4,
        routes: vec![Route::to(mapping.target, mapping.table)],
        siblings: Vec::new(),
        targets: json!({}),
        claimed: false,
    };
    app.ledger.report_worker(&report).await.expect("the ledger answers");
    assert_eq!(placed(&app, &body()).await["unserved"], json!([]));
}

/// Returns a worker that has one memory of the hold's person.
fn worker(app: &App) -> Worker {
    let mut worker = Worker::new(app);
    worker.memories = vec![Memory {
        id: "m1",
        target: "main",
        user: Some("ana"),
        workspace: "w",
        agent: "bot",
        kind: "note",
    }];
    worker
}

#[tokio::test]
async fn a_held_task_is_completed_and_outlives_the_cancellation_of_all_running_tasks() {
    let app = App::new().await;
    let mut worker = worker(&app);
    placed(&app, &body()).await;
    let path = "/memories/_delete_by_query?wait_for_completion=false";
    let query = json!({"query": {"match_all": {}}});
    let begun = app.send_json("root", "POST", path, &query).await;
    let task = begun.body["task"].as_str().expect("a task").to_owned();
    worker.work(&app).await;
    let path = format!("/_tasks/{task}");
    let held = async || {
        let seen = app.get("root", &path).await.body;
        assert_eq!(
            (&seen["completed"], &seen["response"]["version_conflicts"]),
            (&json!(true), &json!(1)),
            "{seen:#}"
        );
        assert_eq!(
            app.get("root", "/v1/jobs?state=held").await.body["jobs"]
                .as_array()
                .map(Vec::len),
            Some(1)
        );
    };
    held().await;
    for cancel in ["/_tasks/_cancel", "/_tasks/_cancel?actions=*byquery"] {
        let answer = app.post("root", cancel).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["nodes"]),
            (200, &json!({})),
            "{}",
            answer.text
        );
    }
    held().await;
    let cancelled = app.post("root", &format!("{path}/_cancel")).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    assert_eq!(app.get("root", "/v1/jobs?state=held").await.body["jobs"], json!([]));
}

#[tokio::test]
async fn a_release_lets_the_job_go_on() {
    let app = App::new().await;
    let mut worker = worker(&app);
    placed(&app, &body()).await;
    let asked = json!({"select": {"ids": ["m1", "m2"]}});
    let job = app.create("eraser", &asked).await.job();
    worker.work(&app).await;
    let path = format!("/v1/jobs/{job}");
    let held = app.get("eraser", &path).await.body;
    assert_eq!(
        (&held["state"], &held["waits_for"]["reason"]),
        (&json!("held"), &json!("hold")),
        "{held:#}"
    );
    assert_eq!(held["receipt"], format!("{path}/receipt"), "{held:#}");
    assert_eq!(app.get("root", PATH).await.body["jobs"], 1);

    assert_eq!(release(&app).await, 204);
    let mut after = None;
    loop {
        let settled = app.ledger.settle_holds(after).await.expect("the ledger answers");
        if !settled.more {
            break;
        }
        after = settled.after;
    }
    worker.work(&app).await;
    let ended = app.get("eraser", &path).await.body;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert!(worker.memories.is_empty());
    assert_eq!(app.get("root", PATH).await.body["jobs"], 0);
}
