//! Reading the audit trail: filters, pages, formats, rights and retention.

use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use lethe_common::ledger::Kept;
use serde_json::{Value, json};

use super::trail;
use crate::app::{App, request};

/// Returns the events in the route's answer.
async fn events(app: &App, query: &str) -> Vec<Value> {
    let answer = app.get("root", &format!("/v1/audit{query}")).await;
    let events = answer.body["events"].as_array();
    events.unwrap_or_else(|| panic!("{}", answer.text)).clone()
}

#[tokio::test]
async fn events_are_filtered_cut_into_pages_and_written_as_tables() {
    let app = App::new().await;
    for _ in 0..3 {
        app.post("operator", "/v1/pause").await;
    }
    app.post("root", "/v1/resume").await;
    let acts = |events: &[Value]| events.iter().map(|event| event["act"].clone()).collect::<Vec<_>>();
    assert_eq!(acts(&events(&app, "?act=pause").await), ["pause"; 3]);
    let operators = events(&app, "?actor=operator").await;
    assert_eq!(acts(&operators), ["pause"; 3]);
    let effects: Vec<_> = operators.iter().map(|event| event["effect"].clone()).collect();
    assert_eq!(effects, ["unchanged", "unchanged", "done"], "the newest first");
    assert_eq!(acts(&events(&app, "?effect=unchanged").await), ["pause"; 2]);
    assert_eq!(acts(&events(&app, "?act=pause&effect=done").await), ["pause"; 1]);
    assert_eq!(
        events(&app, "?act=pause&since=2100-01-01T00:00:00Z").await,
        [] as [Value; 0]
    );
    assert_eq!(events(&app, "?act=pause&until=2100-01-01T00:00:00Z").await.len(), 3);

    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.get("root", &format!("/v1/audit?act=pause&limit=2{after}")).await;
        pages.push(page.body["events"].as_array().expect("events").len());
        let Some(next) = page.body["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(pages, [2, 1]);

    let written = async |kind: &str, query: &str| {
        let request = request("root", "GET", &format!("/v1/audit{query}")).header(header::ACCEPT, kind);
        app.send(request.body(Body::empty()).expect("a request")).await
    };
    let csv = written("text/csv", "?act=pause&limit=2").await;
    assert_eq!(
        csv.headers[header::CONTENT_TYPE],
        "text/csv; charset=utf-8; header=present"
    );
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!(
        lines[0],
        "id,at,actor,address,act,object_type,object_id,effect,details,request_id"
    );
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].contains(",operator,,pause,all,*,unchanged,{},"),
        "{}",
        lines[1]
    );
    let next = csv.headers["x-next"].to_str().expect("a cursor");
    let rest = written("application/x-ndjson", &format!("?act=pause&limit=2&after={next}")).await;
    assert!(!rest.headers.contains_key("x-next"), "the last page");
    assert_eq!(rest.headers[header::CONTENT_TYPE], "application/x-ndjson");
    let event: Value = serde_json::from_str(rest.text.trim_end()).expect("one line of JSON");
    assert_eq!(event["effect"], "done");
}

#[tokio::test]
async fn the_trail_is_for_those_who_may_read_all_of_it() {
    let app = App::new().await;
    for who in ["eraser", "reader", "operator", "scraper", "privacy"] {
        app.get(who, "/v1/audit")
            .await
            .refused(403, "forbidden", "`audit:read`");
    }
    let key = async |rights: Value| {
        let made = app.send_json("root", "POST", "/v1/keys", &rights).await;
        made.body["key"].as_str().expect("a key").to_owned()
    };
    let auditor = key(json!({"name": "auditor", "scopes": ["audit:read"]})).await;
    assert_eq!(app.get(&auditor, "/v1/audit").await.status, 200);
    app.get(&auditor, "/v1/keys").await.refused(403, "forbidden", "`admin`");
    for bounds in [
        json!({"user": "ana"}),
        json!({"workspaces": ["w"]}),
        json!({"targets": ["main"]}),
    ] {
        let mut rights = json!({"name": "bound", "scopes": ["admin"]});
        let bounds = bounds.as_object().expect("bounds").clone();
        rights.as_object_mut().expect("an object").extend(bounds);
        let bound = key(rights).await;
        app.get(&bound, "/v1/audit").await.refused(403, "forbidden", "");
        let revoke = request("root", "DELETE", "/v1/keys/bound").body(Body::empty());
        assert_eq!(app.send(revoke.expect("a request")).await.status, 204);
    }
    for (query, says) in [
        ("act=none", "job.cancel"),
        ("effect=none", "write one of done, unchanged, refused"),
        ("since=yesterday", "2030"),
        ("until=1", "2030"),
        ("after=x", "next"),
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("actor=", "name"),
        ("actor=%00", "name"),
    ] {
        app.get(&auditor, &format!("/v1/audit?{query}"))
            .await
            .refused(422, "invalid", says);
    }
}

#[tokio::test]
async fn events_leave_with_their_retention_and_a_key_says_who_made_it_and_when_it_was_used() {
    let app = App::new().await;
    let asked = json!({"name": "auditor", "scopes": ["audit:read"]});
    let made = app.send_json("root", "POST", "/v1/keys", &asked).await;
    let about = async || app.get("root", "/v1/keys").await.body["keys"][0].clone();
    assert_eq!(about().await["created_by"], "root");
    assert_eq!(about().await["last_used_at"], Value::Null);
    let key = made.body["key"].as_str().expect("a key");
    assert_eq!(app.get(key, "/v1/audit").await.status, 200);
    assert!(about().await["last_used_at"].is_string());

    let day = Duration::from_hours(24);
    let mut kept = Kept {
        items: day,
        jobs: day,
        keys: day,
        audit: day,
        receipts: day,
    };
    while app.ledger.forget(kept).await.expect("the ledger answers").more {}
    assert!(events(&app, "?act=key.create").await.len() == 1);
    kept.audit = Duration::ZERO;
    while app.ledger.forget(kept).await.expect("the ledger answers").more {}
    assert!(trail(&app).await.is_empty());
}
