//! The reason why a job waits, the marks by which it is found, and lists as tables.

use axum::body::Body;
use jiff::ToSpan;
use lethe_common::clock::Clock;
use lethe_common::ledger::{Route, WorkerReport};
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::{Answer, App, request};

/// Reports a worker with the configured mapping, and the health of its stores.
async fn report(app: &App, targets: Value) {
    let mapping = app.config.mappings().next().expect("one mapping");
    let report = WorkerReport {
        name: "w".to_owned(),
        version: "1",
        slots: 1,
        routes: vec![Route::to(mapping.target, mapping.table)],
        siblings: Vec::new(),
        targets,
        claimed: false,
    };
    app.ledger.report_worker(&report).await.expect("the ledger answers");
}

/// Reads a page in another format than JSON.
async fn table(app: &App, who: &str, path: &str, accept: &str) -> Answer {
    let asked = request(who, "GET", path).header("accept", accept).body(Body::empty());
    app.send(asked.expect("a request")).await
}

/// Returns the ids of a page.
fn ids(answer: &Answer) -> Vec<String> {
    let jobs = answer.body["jobs"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.text));
    jobs.iter()
        .map(|job| job["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test]
async fn a_job_says_why_it_waits_in_its_answer_and_in_a_list() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let path = format!("/v1/jobs/{id}");
    let reason = async || app.get("eraser", &path).await.body["waits_for"].clone();
    assert_eq!(reason().await["reason"], "worker");
    report(&app, json!({"main": {"stores": {}, "faults": [], "met": null}})).await;
    assert_eq!(reason().await["reason"], "turn");
    app.post("operator", "/v1/targets/main/pause").await;
    let paused = reason().await;
    assert_eq!(
        (&paused["reason"], &paused["target"], &paused["until"]),
        (&json!("pause"), &json!("main"), &Value::Null)
    );
    assert!(paused["since"].is_string(), "{paused}");
    let detail = paused["detail"].as_str().expect("a sentence");
    assert!(detail.starts_with("`main` has been paused since "), "{detail}");
    let list = app.get("eraser", "/v1/jobs").await;
    assert_eq!(list.body["jobs"][0]["waits_for"], paused, "{}", list.text);
    app.post("operator", "/v1/targets/main/resume").await;
    let ill = json!({"stores": {"vector": {"up": false, "code": "timeout"}}, "met": "timeout", "met_for_ms": 5_000});
    report(&app, json!({"main": ill})).await;
    let down = reason().await;
    assert_eq!(
        (&down["reason"], &down["store"], &down["code"]),
        (&json!("store"), &json!("vector"), &json!("timeout"))
    );
    report(&app, json!({})).await;
    assert_eq!(claim(&app).await.len(), 1);
    assert_eq!(reason().await, Value::Null);
}

#[tokio::test]
async fn a_job_for_later_says_so_when_it_is_accepted() {
    let app = App::new().await;
    let at = Clock::system().now() + 1.hours();
    let answer = app
        .create(
            "eraser",
            &json!({"select": {"ids": ["a"]}, "not_before": at.to_string()}),
        )
        .await;
    let id = answer.job();
    let accepted = &answer.body["waits_for"];
    assert_eq!(
        (&accepted["reason"], &accepted["until"]),
        (&json!("not_before"), &answer.body["not_before"])
    );
    let read = app.get("eraser", &format!("/v1/jobs/{id}")).await;
    assert_eq!(
        read.body["waits_for"]["until"], answer.body["not_before"],
        "{}",
        read.text
    );
}

#[tokio::test]
async fn a_job_has_its_marks_and_is_found_by_them() {
    let app = App::new().await;
    let asked = json!({
        "select": {"ids": ["a"]}, "reference": "DSR-4711", "labels": {"team": "privacy", "stage": "2: erase"},
    });
    let answer = app.create("eraser", &asked).await;
    let id = answer.job().to_string();
    assert_eq!(
        (&answer.body["reference"], &answer.body["labels"]),
        (&asked["reference"], &asked["labels"])
    );
    let uploaded = app
        .upload("?reference=DSR-4711&labels=%7B%22team%22:%22web%22%7D", &[], "\"b\"\n")
        .await
        .job()
        .to_string();
    app.accepted("other").await;
    for (query, expected) in [
        ("reference=DSR-4711", vec![&uploaded, &id]),
        ("label=team:privacy", vec![&id]),
        ("label=stage:2:%20erase", vec![&id]),
        ("label=team:web&reference=DSR-4711", vec![&uploaded]),
        ("label=team:nobody", vec![]),
        ("principal=eraser", vec![&uploaded, &id]),
        (
            "principal=eraser&kind=ids&state=queued&created_after=2020-01-01T00:00:00Z",
            vec![&uploaded, &id],
        ),
        ("principal=eraser&created_before=2020-01-01T00:00:00Z", vec![]),
        ("principal=eraser&error_code=unavailable", vec![]),
    ] {
        let found = app.get("reader", &format!("/v1/jobs?{query}")).await;
        assert_eq!(ids(&found).iter().collect::<Vec<_>>(), expected, "{query}");
    }
    // A caller without `jobs:read` finds its own jobs only, whatever it asks for.
    for query in ["reference=DSR-4711", "label=team:privacy", "principal=eraser"] {
        let found = app.get("owner", &format!("/v1/jobs?{query}")).await;
        assert!(ids(&found).is_empty(), "{query}: {}", found.text);
    }
    for (query, says) in [
        ("reference=", "`reference`"),
        ("label=team", "`label`"),
        ("kind=person", "`ids`, `query` or `subject`"),
        ("error_code=sad", "error code"),
        ("created_after=yesterday", "2030-01-31T12:00:00Z"),
        ("principal=", "name of a key"),
    ] {
        app.get("reader", &format!("/v1/jobs?{query}"))
            .await
            .refused(422, "invalid", says);
    }
    for (field, value) in [
        ("reference", json!("x".repeat(201))),
        ("reference", Value::Null),
        ("labels", json!({"Team": "x"})),
        ("labels", json!({"team": 1})),
        ("labels", json!({"team": ""})),
    ] {
        let mut wrong = asked.clone();
        wrong[field] = value;
        app.create("eraser", &wrong).await.refused(422, "invalid", field);
    }
}

#[tokio::test]
async fn marks_are_a_part_of_the_request_that_a_key_repeats() {
    let app = App::new().await;
    let key = [("idempotency-key", "k")];
    let asked = json!({"select": {"ids": ["a"]}, "reference": "DSR-1"});
    let id = app.create_with("eraser", &asked, &key).await.job();
    assert_eq!(app.create_with("eraser", &asked, &key).await.job(), id);
    let other = json!({"select": {"ids": ["a"]}, "reference": "DSR-2"});
    app.create_with("eraser", &other, &key)
        .await
        .refused(422, "key-reused", "");
}

#[tokio::test]
async fn jobs_are_listed_as_a_table_or_line_by_line() {
    let app = App::new().await;
    let asked = json!({"select": {"ids": ["a"]}, "reference": "says \"DSR\", 1", "labels": {"team": "privacy"}});
    let first = app.create("eraser", &asked).await.job().to_string();
    let second = app.accepted("eraser").await.to_string();
    let csv = table(&app, "eraser", "/v1/jobs?limit=1", "text/csv").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(csv.headers["x-next"], second.as_str());
    let mut lines = csv.text.lines();
    assert!(
        lines
            .next()
            .expect("a header")
            .starts_with("id,state,kind,target,table,principal,")
    );
    let row = lines.next().expect("a job");
    assert!(
        row.starts_with(&format!("{second},queued,ids,main,memories,eraser,")),
        "{row}"
    );
    assert!(row.contains(",worker,"), "{row}");
    let path = format!("/v1/jobs?limit=1&after={second}");
    let rest = table(&app, "eraser", &path, "text/csv").await;
    assert!(rest.text.contains("\"says \"\"DSR\"\", 1\""), "{}", rest.text);
    assert!(!rest.headers.contains_key("x-next"));
    let all = table(&app, "eraser", "/v1/jobs", "application/x-ndjson").await;
    assert_eq!(all.headers["content-type"], "application/x-ndjson");
    let read: Vec<Value> = all
        .text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a job a line"))
        .collect();
    assert_eq!([&read[0]["id"], &read[1]["id"]], [&second, &first]);
    assert_eq!(read[1]["labels"], asked["labels"]);
}

#[tokio::test]
async fn no_cell_of_a_table_is_a_formula() {
    let app = App::new().await;
    for (reference, cell) in [
        ("=1+2", "'=1+2"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("1=1", "1=1"),
    ] {
        let asked = json!({"select": {"ids": ["a"]}, "reference": reference});
        app.create("eraser", &asked).await.job();
        let csv = table(&app, "eraser", "/v1/jobs?limit=1", "text/csv").await;
        assert!(csv.text.contains(&format!(",{cell},")), "{reference}: {}", csv.text);
        let lines = table(&app, "eraser", "/v1/jobs?limit=1", "application/x-ndjson").await;
        let job: Value = serde_json::from_str(lines.text.trim_end()).expect("one job");
        assert_eq!(job["reference"], reference);
    }
}

#[tokio::test]
async fn a_schedule_hands_its_marks_to_its_jobs_and_is_found_by_them() {
    let app = App::new().await;
    let job = json!({"select": {"subject": {"user_id": "ana"}}, "reference": "purge", "labels": {"team": "privacy"}});
    let body = json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": job});
    let put = app.send_json("root", "PUT", "/v1/schedules/nightly", &body).await;
    assert_eq!(put.status, 201, "{}", put.text);
    assert_eq!(put.body["job"]["reference"], "purge");
    let preview = app.post("root", "/v1/schedules/nightly/preview").await;
    assert_eq!(
        (&preview.body["reference"], &preview.body["labels"]),
        (&job["reference"], &job["labels"])
    );
    for (query, n) in [("reference=purge", 1), ("label=team:privacy", 1), ("label=team:web", 0)] {
        let found = app.get("root", &format!("/v1/schedules?{query}")).await;
        assert_eq!(
            found.body["schedules"].as_array().map(Vec::len),
            Some(n),
            "{query}: {}",
            found.text
        );
    }
}
