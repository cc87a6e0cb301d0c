//! Reading jobs: lists, pages and items.

use std::collections::BTreeSet;

use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{Delta, ItemOutcome, Record, RecordEnd};
use serde_json::json;

use crate::accepting::claim;
use crate::app::App;

#[tokio::test]
async fn pages_hold_every_job_once_the_newest_first() {
    let app = App::new().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(app.accepted("eraser").await.to_string());
    }
    let mut seen: Vec<String> = Vec::new();
    let mut after = String::new();
    loop {
        let page = app.get("eraser", &format!("/v1/jobs?limit=2{after}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let jobs = page.body["jobs"].as_array().expect("a list");
        assert!(!jobs.is_empty(), "a page that was announced is not empty");
        seen.extend(jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()));
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    made.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(seen, made);
}

#[tokio::test]
async fn jobs_are_found_by_state_and_target() {
    let app = App::new().await;
    let cancelled = app.accepted("eraser").await;
    app.accepted("eraser").await;
    app.post("operator", &format!("/v1/jobs/{cancelled}/cancel")).await;
    let found = async |query: &str| {
        let answer = app.get("eraser", &format!("/v1/jobs{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["jobs"].as_array().expect("a list").len()
    };
    assert_eq!(found("?state=cancelled").await, 1);
    assert_eq!(found("?state=queued&target=main").await, 1);
    assert_eq!(found("?state=failed").await, 0);
    for (query, says) in [
        ("?state=gone", "`state`: write one of queued, planning"),
        ("?state=receiving", "`state`"),
        ("?target=elsewhere", "`target`"),
        ("?after=x", "`after`"),
        ("?limit=0", "`limit`: write a number from 1 to 200"),
        ("?limit=201", "`limit`"),
        ("?owner=o", "`owner`"),
    ] {
        app.get("eraser", &format!("/v1/jobs{query}"))
            .await
            .refused(422, "invalid", says);
    }
}

#[tokio::test]
async fn items_are_listed_by_outcome_page_by_page() {
    let app = App::new().await;
    let ids: Vec<String> = (0..5).map(|n| format!("m/{n}\"ü")).collect();
    let id = app.create("eraser", &json!({"select": {"ids": ids}})).await.job();
    let lease = claim(&app).await.remove(0);
    let mut delta = Delta::default();
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Absent, 5);
        delta.items.extend(ids.iter().map(|id| ItemOutcome {
            id: id.clone(),
            store,
            outcome: Some(Outcome::Absent),
            code: None,
        }));
    }
    let record = Record {
        lease: &lease,
        delta,
        progress: None,
        remaining: 0,
        end: Some(RecordEnd::Done),
    };
    app.ledger.record(&[record]).await.expect("the ledger answers");

    let path = format!("/v1/jobs/{id}/items");
    let mut seen = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = app
            .get("eraser", &format!("{path}?outcome=absent&limit=3{after}"))
            .await;
        assert_eq!(page.status, 200, "{}", page.text);
        for item in page.body["items"].as_array().expect("a list") {
            assert_eq!(item["table"], "memories");
            assert!(
                seen.insert((item["id"].to_string(), item["store"].to_string())),
                "twice: {item}"
            );
        }
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 10);
    let none = app.get("eraser", &format!("{path}?outcome=residue")).await;
    assert_eq!(none.body, json!({"items": [], "next": null}));
    for (query, says) in [
        (
            "",
            "`outcome`: write one of found, absent, held, conflicted, unsupported, unverifiable, failed, residue",
        ),
        ("?outcome=erased", "`outcome`"),
        ("?outcome=absent&after=zz", "`after`"),
        ("?outcome=absent&limit=1001", "`limit`: write a number from 1 to 1000"),
        ("?outcome=absent&store=sql", "`store`"),
    ] {
        app.get("eraser", &format!("{path}{query}"))
            .await
            .refused(422, "invalid", says);
    }
    let job = app.get("eraser", &format!("/v1/jobs/{id}")).await.body;
    assert_eq!(job["stores"][1]["counts"]["absent"], 5, "{job}");
    assert_eq!((&job["remaining"], &job["progress"]), (&json!(0), &json!(1.0)), "{job}");
}
