//! Conditions that need attention: failed jobs, also between others that the caller does not see, and refused schedules.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{Delta, Record, RecordEnd};
use serde_json::{Value, json};

use super::browser::Browser;
use crate::accepting::claim;
use crate::app::{App, tester};
use crate::callers::TWO;
use crate::schedules::refuse;

/// Ends all due work in an error.
pub(super) async fn fail(app: &App, code: ErrorCode) {
    for lease in claim(app).await {
        let record = Record {
            lease: &lease,
            delta: Delta::default(),
            progress: None,
            remaining: lease.remaining,
            end: Some(RecordEnd::Failed(code)),
        };
        app.ledger.record(&[record]).await.expect("the ledger answers");
    }
}

/// Submits a job that fails at once.
async fn failed(app: &App, body: &Value) -> JobId {
    let id = app.create("root", body).await.job();
    fail(app, ErrorCode::Rejected).await;
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

/// Writes the schedule `nightly`.
async fn nightly(app: &App, cron: &str, paused: bool) {
    let job = json!({"target": "main", "select": {"ids": ["a"]}});
    let body = json!({"cron": cron, "time_zone": "UTC", "job": job, "paused": paused});
    let put = app.send_json("root", "PUT", "/v1/schedules/nightly", &body).await;
    assert!(put.status.is_success(), "{}", put.text);
}

#[tokio::test]
async fn a_refused_schedule_is_named_with_its_reason_and_its_remedy() {
    const OWN_REMEDY: &str = "Open it, press Change, preview, and save: it then runs with your rights.";
    let app = App::with(TWO).await;
    nightly(&app, "0 4 * * *", false).await;
    let seen = async |who: &str| Browser::signed_in(&app, who).await.get("/").await.text;
    assert!(!seen("root").await.contains("The schedule nightly"));

    refuse(&app, "nightly", "its `key` has expired").await;
    let page = seen("root").await;
    for said in [
        "<li class=\"bad\">\n<strong>The schedule nightly was refused: its <code>key</code> has expired.</strong>",
        OWN_REMEDY,
        "<a href=\"/console/schedules/nightly\">Look at the schedule</a>",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // A caller that cannot save it is told to ask another one.
    let page = seen("reader").await;
    assert!(page.contains("The schedule nightly was refused"), "{page}");
    assert!(
        page.contains("Ask a caller that may change it") && !page.contains(OWN_REMEDY),
        "{page}"
    );
    assert!(!seen("owner").await.contains("nightly"), "it is not its own");

    // The refusal was before the change.
    nightly(&app, "0 5 * * *", false).await;
    let page = seen("root").await;
    let said =
        "<li class=\"warn\">\n<strong>The schedule nightly was refused at a due time before the last change: its";
    assert!(page.contains(said) && !page.contains(OWN_REMEDY), "{page}");

    nightly(&app, "0 6 * * *", true).await;
    assert!(!seen("root").await.contains("nightly"), "somebody has paused it");
}

#[tokio::test]
async fn refused_schedules_are_looked_at_up_to_a_bound_that_is_told() {
    let app = App::with(TWO).await;
    nightly(&app, "0 4 * * *", false).await;
    let stored = app.ledger.schedule("nightly").await.expect("the ledger answers");
    let mut record = stored.expect("a schedule").schedule;
    let root = Browser::signed_in(&app, "root").await;
    for n in 0..50 {
        if n == 49 {
            let page = root.get("/").await.text;
            assert!(!page.contains("too many refused schedules"), "{page}");
        }
        record.name = format!("s-{n:03}");
        let added = app.ledger.add_schedule(&record, &tester()).await;
        assert!(added.expect("the ledger answers"), "{n}");
        refuse(&app, &format!("s-{n:03}"), "no reason").await;
    }
    let page = root.get("/").await.text;
    for said in [
        "too many refused schedules to look at all of them",
        "The schedule s-009 was refused",
        "40 more schedules were refused, too.",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("s-010"), "{page}");
}
