//! Limits: too much at once, too slow, or without the ledger.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use futures::{StreamExt, stream};
use lethe_api::{AppState, router};
use lethe_common::clock::Clock;
use lethe_common::ledger::{Ledger, LedgerOptions};
use lethe_common::metrics::Metrics;
use serde_json::json;

use crate::app::{App, MAIN, request};

#[tokio::test]
async fn a_body_is_bounded_whether_or_not_its_length_is_said() {
    let app = App::with(&format!("api.max_body = 100\n{MAIN}")).await;
    let body = json!({"select": {"ids": ["x".repeat(200)]}}).to_string();
    let said = [("content-length", "250")];
    app.create_raw("eraser", "application/json", &said, body.clone())
        .await
        .refused(413, "too-large", "100 bytes");
    app.create_raw("eraser", "application/json", &[], body)
        .await
        .refused(413, "too-large", "100 bytes");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_refused() {
    let app = App::with(&format!("api.request_timeout = \"1s\"\n{MAIN}")).await;
    for kind in ["application/json", "application/x-ndjson"] {
        let never = stream::iter([Ok::<_, std::io::Error>("\"a\"".to_owned())]).chain(stream::pending());
        let answer = app.create_raw("eraser", kind, &[], Body::from_stream(never)).await;
        answer.refused(408, "timeout", "faster");
    }
}

#[tokio::test]
async fn a_body_that_is_announced_where_none_belongs_is_not_waited_for() {
    let app = App::with(&format!("api.request_timeout = \"1s\"\n{MAIN}")).await;
    let silent = Body::from_stream(stream::pending::<io::Result<String>>());
    let broken = Body::from_stream(stream::iter([io::Result::<String>::Err(io::Error::other("gone"))]));
    let empty = Body::from_stream(stream::iter([io::Result::Ok(String::new())]));
    let late = Body::from_stream(stream::iter([
        io::Result::Ok(""),
        io::Result::Ok("{\"target\": \"main\"}"),
    ]));
    for (path, body, is_refused) in [
        ("/v1/resume", empty, false),
        ("/v1/schedules/x/preview", silent, true),
        ("/v1/pause", broken, true),
        ("/v1/pause", late, true),
    ] {
        // With this header the rest of a refused body is not waited for either.
        let request = request("root", "POST", path).header("expect", "100-continue");
        let answer = app.send(request.body(body).expect("a request")).await;
        if is_refused {
            answer.refused(422, "invalid", "send no body");
        } else {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
    assert!(!app.ledger.pauses().await.expect("the ledger answers").all);
}

#[tokio::test]
async fn a_process_that_waits_for_the_migrations_serves_no_data() {
    let mut app = App::new().await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ledger.sqlite");
    let ledger = Ledger::open(LedgerOptions {
        url: format!("sqlite://{}?mode=rwc", file.display()).into(),
        ..LedgerOptions::from(&*app.config)
    });
    let ledger = ledger.expect("a URL of SQLite");
    app.router = router(AppState::new(
        Arc::clone(&app.config),
        ledger.clone(),
        app.doorbell.clone(),
        Metrics::install(&app.config),
        Clock::system(),
    ));
    let answers = [
        app.post("root", "/v1/schedules/x/preview").await,
        app.upload("", &[], "\"a\"\n").await,
        app.create("eraser", &json!({"select": {"ids": ["a"]}})).await,
        app.get("reader", "/v1/jobs/00000000-0000-7000-8000-000000000000/events")
            .await,
        app.get("reader", "/v1/jobs").await,
        // A key of the ledger cannot be looked up.
        app.get("lethe_unknown", "/v1/jobs").await,
        app.get("lethe_unknown", "/metrics").await,
    ];
    for answer in answers {
        answer.refused(503, "ledger-unavailable", "migrations");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    let compatible = app
        .send_json("lethe_unknown", "DELETE", "/memories", &json!({"memory_ids": ["a"]}))
        .await;
    assert_eq!(compatible.status, 503, "{}", compatible.text);
    let ready = app.get("reader", "/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.body["ready"]), (503, &json!(false)));
    assert_eq!(ready.body["dependencies"][0]["state"], "down", "{}", ready.text);
    for path in ["/livez", "/openapi.json", "/problems", "/docs/"] {
        assert_eq!(app.get("", path).await.status, 200, "{path}");
    }
    assert_eq!(app.get("scraper", "/metrics").await.status, 200);

    ledger.migrate().await.expect("a new file");
    assert_eq!(app.get("reader", "/v1/jobs").await.status, 200);
}

#[tokio::test]
async fn a_full_queue_is_said_and_what_was_accepted_stays() {
    let app = App::with(&format!("api.max_queue = 1\n{MAIN}")).await;
    let id = app.accepted("eraser").await;
    let asked = json!({"select": {"ids": ["a"]}});
    // The count may be a second old: until then more jobs are accepted.
    let mut answer = app.create("eraser", &asked).await;
    while answer.status == 202 {
        tokio::task::yield_now().await;
        answer = app.create("eraser", &asked).await;
    }
    answer.refused(503, "queue-full", "nothing was accepted");
    assert_eq!(answer.headers["retry-after"], "10");
    app.upload("", &[], "\"a\"\n").await.refused(503, "queue-full", "");
    assert_eq!(app.get("eraser", &format!("/v1/jobs/{id}")).await.status, 200);
}

#[tokio::test]
async fn without_the_ledger_everything_says_so() {
    let app = App::new().await;
    app.ledger.close().await;
    let asked = json!({"select": {"ids": ["a"]}});
    let answers = [
        app.create("eraser", &asked).await,
        app.create_with("eraser", &asked, &[("idempotency-key", "k")]).await,
        app.upload("", &[], "\"a\"\n").await,
        app.get("reader", "/v1/jobs").await,
        app.get("reader", "/v1/targets").await,
        app.post("operator", "/v1/pause").await,
    ];
    for answer in &answers {
        answer.refused(503, "ledger-unavailable", "");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    // A request that only reads makes no job.
    for (n, answer) in answers.iter().enumerate() {
        let reads = [3, 4].contains(&n);
        assert_eq!(!answer.text.contains("idempotency key"), reads, "{}", answer.text);
    }
    let ready = app.get("", "/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.body), (503, json!({"ready": false})));
    let ready = app.get("reader", "/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.body["ready"], false);
    assert_eq!(ready.body["dependencies"][0]["name"], "ledger");
    assert_eq!(ready.body["dependencies"][0]["state"], "down");
    assert_eq!(app.get("", "/livez").await.status, 200);
    // The metrics of this process remain.
    let metrics = app.get("scraper", "/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("lethe_build_info"), "{}", metrics.text);
    assert!(!metrics.text.contains("lethe_jobs_accepted_total"), "{}", metrics.text);
}

#[tokio::test]
async fn whatever_the_router_refuses_is_a_problem_too() {
    let app = App::new().await;
    app.get("root", "/v1/nothing")
        .await
        .refused(404, "not-found", "/openapi.json");
    for path in ["/v1/jobs/x", "/v1/jobs/%ff", "/v1/jobs/%00/items?outcome=failed"] {
        app.get("root", path)
            .await
            .refused(404, "not-found", "no job has this id");
    }
    let answer = app
        .send(
            request("root", "DELETE", "/v1/jobs")
                .body(Body::empty())
                .expect("a request"),
        )
        .await;
    answer.refused(405, "method-not-allowed", "`allow`");
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD,PATCH,POST");
    let odd = request("root", "BREW", "/livez")
        .body(Body::empty())
        .expect("a request");
    app.send(odd).await.refused(405, "method-not-allowed", "");
}
