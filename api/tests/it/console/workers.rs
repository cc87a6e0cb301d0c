//! The page of the workers. Workers that have gone are in the page's own tests: they need a clock.

use lethe_common::ledger::{Route, WorkerReport};
use serde_json::json;

use super::browser::Browser;
use crate::app::App;

async fn report(app: &App, name: &str, claimed: bool) {
    let mapping = app.config.mappings().next().expect("one mapping");
    let report = WorkerReport {
        name: name.to_owned(),
        version: "1.2.3",
        slots: 4,
        routes: vec![Route::to(mapping.target, mapping.table)],
        siblings: Vec::new(),
        targets: json!({}),
        claimed,
    };
    app.ledger.report_worker(&report).await.expect("the ledger answers");
}

#[tokio::test]
async fn workers_are_listed_with_their_mappings_and_their_last_work() {
    let app = App::new().await;
    let reader = Browser::signed_in(&app, "reader").await;
    let empty = reader.get("/console/workers").await;
    assert_eq!(empty.status, 200, "{}", empty.text);
    assert!(empty.text.contains("lethe worker --config"), "{}", empty.text);

    report(&app, "busy", true).await;
    report(&app, "idle", false).await;
    let page = reader.get("/console/workers").await.text;
    for said in ["busy", "idle", "1.2.3", "main/memories"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(page.matches("none yet").count(), 1, "{page}");
    assert!(!page.contains("stopped reporting"), "{page}");

    // A worker that signs off has not gone: it ended as asked.
    app.ledger.forget_worker("busy").await.expect("the ledger answers");
    let page = reader.get("/console/workers").await.text;
    assert!(!page.contains("busy") && !page.contains("stopped reporting"), "{page}");
}

#[tokio::test]
async fn a_caller_sees_only_what_its_credentials_cover() {
    let app = App::new().await;
    report(&app, "w-1", false).await;
    let eraser = Browser::signed_in(&app, "privacy").await;
    let refused = eraser.get("/console/workers").await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.text.contains("jobs:read") && !refused.text.contains("w-1"));

    let body = json!({"name": "bound", "scopes": ["jobs:read"], "targets": ["main"]});
    let made = app.send_json("root", "POST", "/v1/keys", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let bound = Browser::signed_in(&app, made.body["key"].as_str().expect("a key")).await;
    assert!(bound.get("/console/workers").await.text.contains("main/memories"));
}

#[tokio::test]
async fn the_navigation_has_the_pages_that_show_something() {
    let app = App::new().await;
    let pages = ["/console/workers", "/console/keys", "/console/audit"];
    for (who, expected) in [
        ("root", [true, true, true]),
        ("reader", [true, false, false]),
        ("privacy", [false, false, false]),
    ] {
        let page = Browser::signed_in(&app, who).await.get("/console/jobs").await;
        let linked = pages.map(|path| page.text.contains(&format!("href=\"{path}\"")));
        assert_eq!(linked, expected, "{who}");
    }
}
