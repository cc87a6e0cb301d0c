//! Receipts over HTTP: who may see them, and the answers before and after an end.

use std::time::Duration;

use futures::future::{join, join_all};
use serde_json::{Value, json};

use crate::app::{App, MAIN};
use crate::log::sequenced;

/// Makes a job of a caller that has ended.
async fn ended(app: &App, who: &str) -> Value {
    let id = app.accepted(who).await;
    assert_eq!(app.post(who, &format!("/v1/jobs/{id}/cancel")).await.status, 202);
    app.get(who, &format!("/v1/jobs/{id}")).await.body
}

/// Returns the jobs of the receipts that a caller lists.
async fn listed(app: &App, who: &str) -> Vec<Value> {
    let answer = app.get(who, "/v1/receipts").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let receipts = answer.body["receipts"].as_array().expect("a list");
    receipts.iter().map(|receipt| receipt["job_id"].clone()).collect()
}

/// Makes a key with these rights.
async fn key(app: &App, asked: &Value) -> String {
    let made = app.send_json("root", "POST", "/v1/keys", asked).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.body["key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn a_job_leads_to_its_receipt_once_it_has_ended() {
    let app = App::with(MAIN).await;
    let id = app.accepted("eraser").await;
    let path = format!("/v1/jobs/{id}/receipt");
    assert_eq!(
        app.get("eraser", &format!("/v1/jobs/{id}")).await.body["receipt"],
        Value::Null
    );
    app.get("eraser", &path)
        .await
        .refused(404, "no-receipt", "has not ended");

    app.post("eraser", &format!("/v1/jobs/{id}/cancel")).await;
    assert_eq!(app.get("eraser", &format!("/v1/jobs/{id}")).await.body["receipt"], path);
    // No sequencer runs here.
    let pending = app.get("eraser", &path).await;
    pending.refused(503, "receipt-pending", "not signed yet");
    assert_eq!(pending.headers["retry-after"], "1");
    let other = app.get("eraser", &format!("{path}?ending=2")).await;
    other.refused(404, "no-receipt", "as many times");
    app.get("eraser", &format!("{path}?ending=0"))
        .await
        .refused(422, "invalid", "ending");

    let receipts = app.get("eraser", "/v1/receipts").await.body;
    let receipt = &receipts["receipts"][0];
    assert_eq!(receipt["job_id"], id.to_string());
    assert_eq!(receipt["state"], "cancelled");
    assert_eq!(receipt["log_index"], Value::Null);
    let one = format!("/v1/receipts/{}", receipt["id"].as_str().expect("an id"));
    app.get("eraser", &one).await.refused(503, "receipt-pending", "");
}

#[tokio::test]
async fn a_dry_run_has_no_receipt() {
    let app = App::with(MAIN).await;
    let asked = json!({"select": {"ids": ["a"]}, "dry_run": true});
    let id = app.create("eraser", &asked).await.job();
    app.post("eraser", &format!("/v1/jobs/{id}/cancel")).await;
    let job = app.get("eraser", &format!("/v1/jobs/{id}")).await.body;
    assert_eq!((&job["state"], &job["receipt"]), (&json!("cancelled"), &Value::Null));
    let none = app.get("eraser", &format!("/v1/jobs/{id}/receipt")).await;
    none.refused(404, "no-receipt", "dry run");
    assert!(listed(&app, "eraser").await.is_empty());
}

#[tokio::test]
async fn a_receipt_is_there_for_those_who_may_see_its_job() {
    let app = App::with(MAIN).await;
    let job = ended(&app, "eraser").await;
    let path = job["receipt"].as_str().expect("a path").to_owned();
    let receipts = app.get("eraser", "/v1/receipts").await.body;
    let id = receipts["receipts"][0]["id"].as_str().expect("an id").to_owned();
    let one = format!("/v1/receipts/{id}");
    let auditor = key(&app, &json!({"name": "auditor", "scopes": ["receipts:read"]})).await;
    // Each request waits for the signature: all at once.
    let asked = ["eraser", "reader", "operator", "root", &auditor].map(async |who| {
        assert_eq!(listed(&app, who).await, [job["id"].clone()], "{who}");
        let (by_job, by_id) = join(app.get(who, &path), app.get(who, &one)).await;
        by_job.refused(503, "receipt-pending", "");
        by_id.refused(503, "receipt-pending", "");
    });
    join_all(asked).await;
    let bound = json!({"name": "bound", "scopes": ["receipts:read", "jobs:read"], "user": "ana"});
    let bound = key(&app, &bound).await;
    for who in ["owner", "privacy", "scraper", &bound] {
        assert!(listed(&app, who).await.is_empty(), "{who}");
        app.get(who, &one).await.refused(404, "no-receipt", "not yours");
        app.get(who, &path).await.refused(404, "not-found", "not yours");
    }
    app.get("", "/v1/receipts").await.refused(401, "unauthorized", "");
}

#[tokio::test]
async fn the_auditor_sees_receipts_and_no_jobs() {
    let app = App::with(MAIN).await;
    let job = ended(&app, "eraser").await;
    let auditor = key(&app, &json!({"name": "auditor", "scopes": ["receipts:read"]})).await;
    let jobs = app.get(&auditor, "/v1/jobs").await.body;
    assert_eq!(jobs["jobs"], json!([]));
    let path = format!("/v1/jobs/{}", job["id"].as_str().expect("an id"));
    app.get(&auditor, &path).await.refused(404, "not-found", "");
}

#[tokio::test]
async fn receipts_come_in_pages_and_wrong_questions_are_refused() {
    let app = App::with(MAIN).await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(ended(&app, "eraser").await["id"].clone());
    }
    jobs.reverse();
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = app.get("eraser", &format!("/v1/receipts?limit=2{after}")).await.body;
        for receipt in page["receipts"].as_array().expect("a list") {
            found.push(receipt["job_id"].clone());
        }
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(found, jobs);
    let of_job = format!("/v1/receipts?job={}", jobs[0].as_str().expect("an id"));
    let one = app.get("eraser", &of_job).await.body;
    assert_eq!(one["receipts"].as_array().map(Vec::len), Some(1), "{one}");
    assert_eq!(one["receipts"][0]["job_id"], jobs[0]);
    // Another caller's job has no receipts for this one.
    let foreign = app.get("owner", &of_job).await.body;
    assert_eq!(foreign["receipts"], json!([]));
    let later = app.get("eraser", "/v1/receipts?since=2999-01-01T00:00:00Z").await.body;
    assert_eq!(later, json!({"receipts": [], "next": null}));
    for (query, field) in [
        ("limit=0", "limit"),
        ("after=x", "after"),
        ("since=x", "since"),
        ("job=x", "job"),
    ] {
        let refused = app.get("eraser", &format!("/v1/receipts?{query}")).await;
        refused.refused(422, "invalid", field);
    }
    for id in ["x", "%ff", "0198f3a2-6a3f-7d22-9b1c-2c3d4e5f6071"] {
        let none = app.get("eraser", &format!("/v1/receipts/{id}")).await;
        none.refused(404, "no-receipt", "not yours");
    }
}

#[tokio::test]
async fn a_forgotten_receipt_is_listed_without_its_names() {
    let app = App::with(MAIN).await;
    ended(&app, "eraser").await;
    sequenced(&app).await;
    let bound = json!({"name": "bound", "scopes": ["receipts:read"], "targets": ["main"]});
    let bound = key(&app, &bound).await;
    assert_eq!(listed(&app, &bound).await.len(), 1);
    app.ledger.forget_receipts(Duration::ZERO).await.expect("it is SQLite");

    let receipts = app.get("root", "/v1/receipts").await.body;
    let receipt = &receipts["receipts"][0];
    assert_eq!(receipt["forgotten"], true, "{receipts}");
    assert!(receipt["log_index"].is_u64(), "{receipts}");
    let one = format!("/v1/receipts/{}", receipt["id"].as_str().expect("an id"));
    app.get("root", &one).await.refused(410, "forgotten", "retention");
    // It no longer tells its targets.
    assert!(listed(&app, &bound).await.is_empty());
    app.get(&bound, &one).await.refused(404, "no-receipt", "not yours");
}
