//! Workspaces of previews: another caller's reading leaves an event, as the reading of ids does.

use axum::body::Body;
use axum::http::header;
use lethe_common::job::{JobId, Outcome};
use lethe_common::ledger::{Delta, Record, RecordEnd};
use lethe_common::selection::Selection;
use serde_json::json;

use super::trail;
use crate::accepting::claim;
use crate::app::{App, request};

/// Makes a dry run of `eraser` that has found a memory, in a workspace if one is named.
async fn found(app: &App, workspace: &str) -> JobId {
    let body = json!({"select": {"ids": ["m-1"]}, "dry_run": true});
    let id = app.create("eraser", &body).await.job();
    for lease in claim(app).await {
        let mut delta = Delta::default();
        for store in &lease.stores {
            delta.count(*store, Outcome::Left, 1);
        }
        let mut found = Selection::default();
        found.add_workspace(workspace.to_owned(), 1);
        delta.found = Some(found);
        let record = Record {
            lease: &lease,
            delta,
            progress: None,
            remaining: 0,
            end: Some(RecordEnd::Done),
        };
        app.ledger.record(&[record]).await.expect("the ledger answers");
    }
    id
}

#[tokio::test]
async fn another_caller_that_reads_the_workspaces_of_a_preview_leaves_an_event() {
    let app = App::new().await;
    let id = found(&app, "team-a").await;
    let path = format!("/v1/jobs/{id}");
    for (way, object) in [
        (path.clone(), id.to_string()),
        (format!("{path}/events"), id.to_string()),
        ("/v1/jobs".to_owned(), "*".to_owned()),
    ] {
        // The readings of one minute are one event, so each way has its caller.
        let name = format!("reader-{}", trail(&app).await.len());
        let body = json!({"name": name, "scopes": ["jobs:read"]});
        let made = app.send_json("root", "POST", "/v1/keys", &body).await;
        let reader = made.body["key"].as_str().expect("a key").to_owned();
        let before = trail(&app).await.len();
        for who in ["eraser", &reader, &reader] {
            let answer = app.get(who, &way).await;
            assert!(answer.text.contains("team-a"), "{way}: {}", answer.text);
        }
        let events = trail(&app).await;
        assert_eq!(events.len(), before + 1, "{way}: {events:#?}");
        let event = &events[0];
        assert_eq!((event.act.as_str(), event.actor.as_str()), ("job.items", name.as_str()));
        assert_eq!(event.object_id, object, "{way}");
    }
}

#[tokio::test]
async fn a_preview_that_names_no_workspace_leaves_no_event() {
    let app = App::new().await;
    let id = found(&app, "").await;
    let before = trail(&app).await.len();
    for path in [format!("/v1/jobs/{id}"), "/v1/jobs".to_owned()] {
        let answer = app.get("root", &path).await;
        assert!(answer.text.contains("\"workspaces\""), "{path}: {}", answer.text);
    }
    found(&app, "team-a").await;
    // A table has no column for them.
    let table = request("root", "GET", "/v1/jobs").header(header::ACCEPT, "text/csv");
    let table = app.send(table.body(Body::empty()).expect("a request")).await;
    assert!(
        table.status.is_success() && !table.text.contains("team-a"),
        "{}",
        table.text
    );
    let events = trail(&app).await;
    assert_eq!(events.len(), before, "{events:#?}");
}
