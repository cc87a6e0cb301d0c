//! What needs attention, for a caller that sees some jobs between others.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{Delta, Record, RecordEnd};
use serde_json::{Value, json};

use super::browser::Browser;
use crate::accepting::claim;
use crate::app::App;
use crate::callers::TWO;

/// Submits a job that fails at once.
async fn failed(app: &App, body: &Value) -> JobId {
    let id = app.create("root", body).await.job();
    for lease in claim(app).await {
        let record = Record {
            lease: &lease,
            delta: Delta::default(),
            progress: None,
            remaining: lease.remaining,
            end: Some(RecordEnd::Failed(ErrorCode::Rejected)),
        };
        app.ledger.record(&[record]).await.expect("the ledger answers");
    }
    let job = app.get("root", &format!("/v1/jobs/{id}")).await;
    assert_eq!(job.body["state"], "failed", "{}", job.text);
    id
}

#[tokio::test]
async fn a_failed_job_is_shown_behind_those_that_the_caller_does_not_see() {
    let app = App::with(TWO).await;
    let body = json!({"name": "bound", "scopes": ["jobs:read"], "targets": ["main"]});
    let made = app.send_json("root", "POST", "/v1/keys", &body).await;
    let key = made.body["key"].as_str().expect("a key").to_owned();
    let seen = failed(&app, &json!({"target": "main", "select": {"ids": ["a"]}})).await;
    for _ in 0..11 {
        failed(&app, &json!({"select": {"subject": {"user_id": "a"}}})).await;
    }
    let page = Browser::signed_in(&app, &key).await.get("/").await.text;
    assert!(page.contains(&format!("/console/jobs/{seen}")), "{page}");
    assert_eq!(page.matches("Look at the job").count(), 1, "{page}");
    assert!(!page.contains("too many jobs"), "{page}");
}
