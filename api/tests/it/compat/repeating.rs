//! Clients that cannot see a 202: the answers while a job runs, and the results of repeated requests.

use axum::body::Body;
use futures::future::join_all;
use lethe_common::doorbell::Ring;
use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::{Delta, Record, RecordEnd};
use serde_json::json;

use super::{bulk, delete, shaped};
use crate::accepting::claim;
use crate::app::{Answer, App, MAIN, request};
use crate::stores::{Memory, Worker};

const ID: &str = "d23f0824-128b-4f33-8c5c-7fd0a6a3a450";

async fn app() -> App {
    App::with(&format!("[compat]\nwait = \"0s\"\non_timeout = \"503\"\n{MAIN}")).await
}

fn memory() -> Memory {
    Memory {
        id: ID,
        target: "main",
        user: Some("ana"),
        workspace: "w",
        agent: "bot",
        kind: "working",
    }
}

/// Returns a worker of `app` that has the memory in its stores.
fn worker(app: &App) -> Worker {
    let mut worker = Worker::new(app);
    worker.memories = vec![memory()];
    worker
}

/// Asserts that a deletion is still under way, in its system's words. Returns its job.
#[track_caller]
fn goes_on(path: &str, answer: &Answer) -> String {
    assert_eq!(answer.status, 503, "{path}: {}", answer.text);
    assert_eq!(answer.headers["retry-after"], "1");
    shaped(path, answer);
    let job = answer.headers["lethe-job"].to_str().expect("an id").to_owned();
    assert!(answer.text.contains(&job), "{path}: {}", answer.text);
    job
}

fn paths() -> [String; 3] {
    [
        format!("/memories/{ID}"),
        format!("/api/v1/memories/{ID}?user_id=ana"),
        format!("/api/memories/{ID}"),
    ]
}

#[tokio::test]
async fn a_repeated_request_waits_for_the_same_job() {
    for path in paths() {
        let app = app().await;
        let job = goes_on(&path, &delete(&app, "root", &path).await);
        for _ in 0..3 {
            assert_eq!(goes_on(&path, &delete(&app, "root", &path).await), job);
        }
        assert_eq!(app.count().await, 1, "{path}");
        // Another caller or another memory makes another job.
        assert_ne!(goes_on(&path, &delete(&app, "eraser", &path).await), job);
        let other = path.replace("d23f", "d23e");
        assert_ne!(goes_on(&path, &delete(&app, "root", &other).await), job);
        assert_eq!(app.count().await, 3, "{path}");
    }
}

#[tokio::test]
async fn what_a_request_demands_is_a_part_of_it() {
    let app = app().await;
    let mut jobs = Vec::new();
    for path in ["/memories/a", "/memories/a?user_id=ana", "/memories/a?user_id=ben"] {
        jobs.push(goes_on(path, &delete(&app, "root", path).await));
    }
    for owner in ["", r#", "user_id": "ana""#] {
        for ids in [r#"["a"]"#, r#"["a", "b"]"#, r#"["ab"]"#] {
            let body = format!(r#"{{"memory_ids": {ids}{owner}}}"#);
            jobs.push(goes_on("/memories", &bulk(&app, "/memories", &body).await));
        }
    }
    let mielto = request("root", "DELETE", "/api/v1/memories/a?user_id=ana").header("x-workspace-id", "w");
    let in_workspace = app.send(mielto.body(Body::empty()).expect("a request")).await;
    jobs.push(goes_on("/api/v1", &in_workspace));
    jobs.push(goes_on(
        "/api/v1",
        &delete(&app, "root", "/api/v1/memories/a?user_id=ana").await,
    ));
    jobs.push(goes_on("/api", &delete(&app, "root", "/api/memories/a").await));
    let n = jobs.len();
    jobs.sort();
    jobs.dedup();
    assert_eq!(jobs.len(), n, "each is a job of its own");
    // The same deletion in another form: in another order, with an id twice, by the database's name.
    let again = r#"{"memory_ids": ["b", "a", "b"]}"#;
    let joined = goes_on(
        "/memories",
        &bulk(&app, "/memories?db_id=main&table=memories", again).await,
    );
    assert!(jobs.contains(&joined));
    assert_eq!(app.count().await, n);
}

#[tokio::test]
async fn of_many_repetitions_at_once_one_makes_the_job() {
    let app = app().await;
    let path = format!("/memories/{ID}");
    let answers = join_all((0..50).map(|_| delete(&app, "root", &path))).await;
    let mut jobs: Vec<String> = answers.iter().map(|answer| goes_on(&path, answer)).collect();
    jobs.dedup();
    assert_eq!((jobs.len(), app.count().await), (1, 1));
}

#[tokio::test]
async fn a_repetition_after_the_end_hears_of_the_success_once() {
    for (path, status) in paths().into_iter().zip([204, 200, 200]) {
        let app = app().await;
        let mut worker = worker(&app);
        goes_on(&path, &delete(&app, "root", &path).await);
        worker.work(&app).await;
        assert!(worker.memories.is_empty(), "{path}");
        let heard = waited(&app, &mut worker, &path).await;
        assert_eq!(heard.status, status, "{path}: {}", heard.text);
        // The next request finds no memory, as usual.
        let again = waited(&app, &mut worker, &path).await;
        let absent = if path.starts_with("/api/memories") { 200 } else { 404 };
        assert_eq!(again.status, absent, "{path}: {}", again.text);
    }
}

/// Sends a request that waits, while a worker works. Returns its answer.
async fn waited(app: &App, worker: &mut Worker, path: &str) -> Answer {
    let asked = request("root", "DELETE", path).header("prefer", "wait=30");
    tokio::select! {
        answer = app.send(asked.body(Body::empty()).expect("a request")) => answer,
        () = worker.run(app) => unreachable!("it works until it is dropped"),
    }
}

#[tokio::test]
async fn who_waits_for_a_joined_job_hears_its_end() {
    let app = app().await;
    let mut worker = worker(&app);
    let path = format!("/memories/{ID}");
    let job = goes_on(&path, &delete(&app, "root", &path).await);
    let heard = waited(&app, &mut worker, &path).await;
    assert_eq!(
        (heard.status.as_u16(), heard.headers["lethe-job"].to_str().ok()),
        (204, Some(job.as_str()))
    );
    // A job without memories has no success to report later.
    goes_on(&path, &delete(&app, "root", &path).await);
    worker.work(&app).await;
    let last = waited(&app, &mut worker, &path).await;
    assert_eq!(last.status, 404, "{}", last.text);
}

/// Fails all claimed partitions permanently.
async fn fail_all(app: &App) {
    loop {
        for lease in claim(app).await {
            let record = Record {
                lease: &lease,
                delta: Delta::default(),
                progress: None,
                remaining: 1,
                end: Some(RecordEnd::Failed(ErrorCode::Constraint)),
            };
            app.ledger.record(&[record]).await.expect("the ledger answers");
            app.doorbell.ring(Ring::Changed(lease.job.id));
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_failed_job_is_named_and_the_next_request_tries_again() {
    let app = app().await;
    let path = format!("/memories/{ID}");
    let asked = request("root", "DELETE", &path).header("prefer", "wait=30");
    let failed = tokio::select! {
        answer = app.send(asked.body(Body::empty()).expect("a request")) => answer,
        () = fail_all(&app) => unreachable!("it goes on until it is dropped"),
    };
    assert_eq!(failed.status, 500, "{}", failed.text);
    let job = failed.headers["lethe-job"].to_str().expect("an id");
    let detail = failed.body["detail"].as_str().expect("a text");
    assert!(
        detail.starts_with("Failed to delete memory") && detail.contains(job) && detail.contains("`constraint`"),
        "{detail}"
    );
    assert_ne!(goes_on(&path, &delete(&app, "root", &path).await), job);
}

#[tokio::test]
async fn who_asks_for_202_and_clients_that_see_one_are_answered_with_it() {
    let app = app().await;
    let path = format!("/memories/{ID}");
    let first = request("root", "DELETE", &path).header("prefer", "respond-async");
    let first = app.send(first.body(Body::empty()).expect("a request")).await;
    let job = first.job().to_string();
    assert_eq!(goes_on(&path, &delete(&app, "root", &path).await), job);
    let mem0 = format!("/v1/memories/{ID}/");
    let (one, two) = (delete(&app, "root", &mem0).await, delete(&app, "root", &mem0).await);
    assert_ne!(one.job(), two.job());
    let opensearch = format!("/_plugins/_ml/memory_containers/main/memories/working/{ID}");
    let app = App::with(&format!(
        "[compat]\nwait = \"0s\"\non_timeout = \"503\"\nopensearch = {{ types = {{ working = \"memories\" }} }}\n{MAIN}"
    ))
    .await;
    delete(&app, "root", &opensearch).await.job();
}

#[tokio::test]
async fn without_it_each_request_is_a_job() {
    let app = App::with(&format!("[compat]\nwait = \"0s\"\n{MAIN}")).await;
    for path in paths() {
        let (one, two) = (delete(&app, "root", &path).await, delete(&app, "root", &path).await);
        assert_ne!(one.job(), two.job());
    }
    assert_eq!(app.count().await, 6);
    let body = json!({"memory_ids": ["a"]}).to_string();
    assert_ne!(
        bulk(&app, "/memories", &body).await.job(),
        bulk(&app, "/memories", &body).await.job()
    );
}
