//! Holds bind on every route: each operation that deletes, with each kind of hold, placed before its acceptance or
//! while its job waits.
//!
//! The worker here obeys holds by a rule of its own (`stores`), so these tests check the answers of the API. Real workers
//! have tests of their own, with real stores.

mod all;

use all::Does::Deletes;
use all::{ALL, Asked, Hears};
use axum::body::Body;
use axum::http::Request;
use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{Delta, ItemOutcome, Record, RecordEnd};
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::{Answer, App, MAIN, request};
use crate::documented::{document, operations};
use crate::schedules::{fired, miss};
use crate::stores::{Memory, Worker};

/// The id of the only memory.
const ID: &str = "d23f0824-128b-4f33-8c5c-7fd0a6a3a450";

/// The time at which the hold is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeAcceptance,
    Queued,
}

/// Returns a selection of each kind of hold, all with the memory.
fn selections() -> [(&'static str, Value); 5] {
    [
        ("persons", json!(["ben", "ana"])),
        ("ids", json!([ID])),
        ("workspaces", json!(["w"])),
        ("query", json!({"eq": {"user_id": "ana"}})),
        ("everything", json!(true)),
    ]
}

async fn app() -> App {
    App::with(&format!(
        "[compat]\nwait = \"30s\"\nopensearch.types.working = \"memories\"\n{MAIN}"
    ))
    .await
}

/// Returns a worker of `app` that has the memory in its stores.
fn worker(app: &App) -> Worker {
    let mut worker = Worker::new(app);
    worker.memories = vec![Memory {
        id: ID,
        target: "main",
        user: Some("ana"),
        workspace: "w",
        agent: "bot",
        kind: "working",
    }];
    worker
}

/// Makes a job about the memory that has failed.
async fn failed(app: &App) -> JobId {
    let id = app.create("root", &json!({"select": {"ids": [ID]}})).await.job();
    let lease = claim(app).await.remove(0);
    let mut delta = Delta::default();
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Failed, 1);
        delta.items.push(ItemOutcome {
            id: ID.to_owned(),
            store,
            outcome: Some(Outcome::Failed),
            code: Some(ErrorCode::Rejected),
        });
    }
    let record = Record {
        lease: &lease,
        delta,
        progress: None,
        remaining: 0,
        end: Some(RecordEnd::Done),
    };
    app.ledger.record(&[record]).await.expect("the ledger answers");
    id
}

async fn hold(app: &App, (field, value): &(&str, Value)) {
    let mut body = json!({"ground": "17(3)(e)"});
    body[*field] = value.clone();
    let placed = app.send_json("root", "PUT", "/v1/holds/case-77", &body).await;
    assert_eq!(placed.status, 201, "{}", placed.text);
}

/// Returns the request of a case.
fn sent(operation: &str, asked: &Asked, failed: Option<JobId>) -> Request<Body> {
    let (method, _) = operation.split_once(' ').expect("a method and a path");
    let failed = failed.map(|id| id.to_string()).unwrap_or_default();
    let path = asked.path.replace("{ID}", ID).replace("{FAILED}", &failed);
    let kind = if asked.body.starts_with('"') {
        "application/x-ndjson"
    } else {
        "application/json"
    };
    let mut request = request("root", &method.to_uppercase(), &path).header("prefer", "wait=30");
    if !asked.body.is_empty() {
        request = request.header("content-type", kind);
    }
    let body = asked.body.replace("{ID}", ID);
    request.body(body.into()).expect("a request")
}

/// Waits until a job has work.
async fn until_queued(app: &App) {
    // Far more looks than a request needs, so that a refused one fails.
    for _ in 0..10_000 {
        let jobs = app.get("root", "/v1/jobs?state=queued").await.body;
        if jobs["jobs"].as_array().is_some_and(|jobs| !jobs.is_empty()) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no job was accepted");
}

/// Returns the newest job.
async fn job(app: &App) -> Value {
    let jobs = app.get("root", "/v1/jobs?limit=1").await.body;
    let id = jobs["jobs"][0]["id"].as_str().expect("a job").to_owned();
    app.get("root", &format!("/v1/jobs/{id}")).await.body
}

async fn case(operation: &str, asked: &Asked, selection: &(&str, Value), moment: Moment) {
    let about = format!("{operation}: {asked:?}, {selection:?}, {moment:?}");
    let app = app().await;
    let mut worker = worker(&app);
    let failed = if operation.ends_with("/retry") {
        Some(failed(&app).await)
    } else {
        None
    };
    if moment == Moment::BeforeAcceptance {
        hold(&app, selection).await;
    }
    let (answer, ()) = tokio::join!(app.send(sent(operation, asked, failed)), async {
        if asked.hears == Hears::Run {
            return;
        }
        until_queued(&app).await;
        if moment == Moment::Queued {
            hold(&app, selection).await;
        }
        worker.work(&app).await;
    });
    if asked.hears == Hears::Run {
        assert_eq!(answer.status, 201, "{about}: {}", answer.text);
        miss(&app).await;
        assert_eq!(fired(&app).await, 1, "{about}");
        if moment == Moment::Queued {
            hold(&app, selection).await;
        }
        worker.work(&app).await;
    }
    assert_eq!(worker.memories.len(), 1, "{about}");
    let job = job(&app).await;
    assert_eq!(job["state"], "held", "{about}: {job:#}");
    let counts = &job["stores"][0]["counts"];
    assert_eq!(
        (&counts["held"], &counts["erased"]),
        (&json!(1), &json!(0)),
        "{about}: {job:#}"
    );
    // A retry is no acceptance, and warns of nothing.
    let is_told = moment == Moment::BeforeAcceptance && failed.is_none();
    let mut warnings = job["warnings"].as_array().into_iter().flatten();
    let is_warned = warnings.any(|warning| warning["code"] == "held");
    assert_eq!(is_warned, is_told, "{about}: {job:#}");
    heard(&app, asked.hears, &answer, &about).await;
}

/// Asserts that the answer says that a hold keeps the memory.
async fn heard(app: &App, hears: Hears, answer: &Answer, about: &str) {
    match hears {
        Hears::Conflict => {
            assert_eq!(answer.status, 409, "{about}: {}", answer.text);
            assert!(answer.text.contains("held 1"), "{about}: {}", answer.text);
            assert!(answer.headers.contains_key("lethe-job"), "{about}");
        }
        Hears::VersionConflict => {
            assert_eq!(answer.status, 200, "{about}: {}", answer.text);
            let numbers = ["total", "deleted", "version_conflicts"].map(|name| answer.body[name].as_u64());
            assert_eq!(numbers, [Some(1), Some(0), Some(1)], "{about}: {}", answer.text);
            assert_eq!(answer.body["failures"], json!([]), "{about}");
        }
        Hears::Event => {
            assert_eq!(answer.status, 200, "{about}: {}", answer.text);
            let event = answer.body["event_id"].as_str().expect("an id");
            let event = app.get("root", &format!("/v1/event/{event}/")).await.body;
            assert_eq!(
                (&event["status"], &event["error"]),
                (&json!("FAILED"), &json!("held")),
                "{about}: {event:#}"
            );
        }
        // A job that is held has not ended, so its submission is answered with 202.
        Hears::Job => assert!(answer.status.is_success(), "{about}: {}", answer.text),
        Hears::Run => {}
    }
}

#[tokio::test]
async fn every_operation_is_known_to_delete_or_not() {
    let document = document(&App::new().await).await;
    let mut there: Vec<String> = operations(&document)
        .into_iter()
        .map(|(path, method)| format!("{method} {path}"))
        .collect();
    let mut known: Vec<_> = ALL.iter().map(|(operation, _)| (*operation).to_owned()).collect();
    there.sort();
    known.sort();
    assert_eq!(there, known, "say in `ALL` whether a new operation deletes memories");
}

/// Runs the cases of each operation that deletes, with one kind of hold.
async fn cases(kind: &str) {
    let selection = selections().into_iter().find(|(field, _)| *field == kind);
    let selection = selection.expect("a kind of hold");
    let mut n = 0;
    for (operation, does) in ALL {
        let Deletes(requests) = does else { continue };
        for asked in *requests {
            for moment in [Moment::BeforeAcceptance, Moment::Queued] {
                Box::pin(case(operation, asked, &selection, moment)).await;
                n += 1;
            }
        }
    }
    assert!(n >= 32, "{n}");
}

#[tokio::test]
async fn a_hold_on_persons_binds_on_every_route() {
    cases("persons").await;
}

#[tokio::test]
async fn a_hold_on_ids_binds_on_every_route() {
    cases("ids").await;
}

#[tokio::test]
async fn a_hold_on_workspaces_binds_on_every_route() {
    cases("workspaces").await;
}

#[tokio::test]
async fn a_hold_by_query_binds_on_every_route() {
    cases("query").await;
}

#[tokio::test]
async fn a_hold_on_everything_binds_on_every_route() {
    cases("everything").await;
}
