//! The limits of what one caller may take: bytes of bodies in memory, unfinished jobs, and their ids.

use std::io;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header;
use futures::stream;
use serde_json::json;
use tokio::sync::oneshot;

use crate::accepting::claim;
use crate::app::{Answer, App, MAIN, request};

/// A budget of 1 MiB. One caller gets half of it.
pub(crate) const MIB: &str =
    "api.max_body_bytes_in_flight = \"1MiB\"\napi.max_body = \"400KiB\"\napi.max_ids_per_request = 100\n";

/// A body that takes more than half of the part of one caller.
fn large() -> String {
    format!("{}{}", " ".repeat(300 << 10), json!({"select": {"ids": ["a"]}}))
}

/// The text that a body still sends, and the signal that it was read.
type Sending = (Option<String>, Option<oneshot::Sender<()>>);

/// Returns a body that sends `text`, then nothing more, and a signal that the text was read.
pub(crate) fn stuck(text: String) -> (Body, oneshot::Receiver<()>) {
    let (sent, is_read) = oneshot::channel();
    let stream = stream::unfold((Some(text), Some(sent)), async |(text, sent): Sending| {
        if let Some(text) = text {
            return Some((io::Result::Ok(text), (None, sent)));
        }
        sent?.send(()).expect("the test waits for this");
        std::future::pending().await
    });
    (Body::from_stream(stream), is_read)
}

/// Returns a body in two parts. A request holds the bytes of the first one when the second one arrives.
fn in_two(text: &str) -> Body {
    let (first, rest) = text.split_at(1);
    let parts = [first, rest].map(|part| io::Result::Ok(part.to_owned()));
    Body::from_stream(stream::iter(parts))
}

async fn post(app: &App, who: &str, kind: &str, body: impl Into<Body>) -> Answer {
    app.create_raw(who, kind, &[], body).await
}

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// Returns the number of requests that were refused for this reason.
pub(crate) async fn refused(app: &App, reason: &str) -> u64 {
    let series = format!("lethe_http_requests_refused_total{{reason=\"{reason}\"}}");
    metric(app, &series).await.parse().expect("a number")
}

/// Asserts that no request holds bytes of a body.
async fn holds_no_bytes(app: &App) {
    assert_eq!(metric(app, "lethe_http_body_bytes").await, "0");
}

async fn metric(app: &App, series: &str) -> String {
    let text = app.get("scraper", "/metrics").await.text;
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    values.next().expect("it is there from the start").to_owned()
}

#[tokio::test]
async fn a_caller_has_no_more_bytes_in_memory_than_are_left_for_others() {
    let app = App::with(&format!("{MIB}[compat]\nwait = \"0s\"\n{MAIN}")).await;
    let before = refused(&app, "body_bytes").await;
    let (first, is_read) = stuck(" ".repeat(300 << 10));
    let meanwhile = async {
        is_read.await.expect("the first body is read");
        let answer = post(&app, "eraser", JSON, in_two(&large())).await;
        answer.refused(429, "too-many-bytes", "api.max_body_bytes_in_flight");
        assert_eq!(answer.headers["retry-after"], "1");
        let agnos = request("eraser", "DELETE", "/memories").header(header::CONTENT_TYPE, JSON);
        let agnos = app.send(agnos.body(in_two(&large())).expect("a request")).await;
        assert_eq!(agnos.status, 429, "{}", agnos.text);
        assert_eq!(agnos.headers["retry-after"], "1");
        assert_eq!(agnos.body["error_code"], "TOO_MANY_REQUESTS", "{}", agnos.text);
        assert_eq!(app.count().await, 0);
        assert!(refused(&app, "body_bytes").await >= before + 2);
        // The first body takes nothing from others.
        post(&app, "other", JSON, in_two(&large())).await.job();
        post(&app, "eraser", JSON, json!({"select": {"ids": ["a"]}}).to_string())
            .await
            .job();
    };
    tokio::select! {
        _ = post(&app, "eraser", JSON, first) => panic!("the first body does not end by itself"),
        () = meanwhile => {}
    }
    // The first caller has left. Bytes come back after a success and after a refusal too.
    let wrong = format!("{}{}", " ".repeat(300 << 10), "{}");
    for _ in 0..3 {
        post(&app, "eraser", JSON, in_two(&large())).await.job();
        post(&app, "eraser", JSON, in_two(&wrong))
            .await
            .refused(422, "invalid", "");
    }
    holds_no_bytes(&app).await;
}

#[tokio::test]
async fn a_body_that_never_has_room_is_too_large() {
    let app = App::with(&format!("{MIB}{MAIN}")).await;
    // Few bytes, and many values: together more than the part of one caller.
    let many = format!("{{\"select\": {{\"ids\": [{}0]}}}}", "0,".repeat(10_000));
    let answer = post(&app, "eraser", JSON, many).await;
    answer.refused(413, "too-large", "a part of `api.max_body_bytes_in_flight`");
    assert!(!answer.headers.contains_key("retry-after"));
    holds_no_bytes(&app).await;
}

#[tokio::test]
async fn a_body_waits_a_moment_for_the_bytes_of_others() {
    let app = App::with(&format!("{MIB}{MAIN}")).await;
    let (first, is_read) = stuck(" ".repeat(300 << 10));
    let (begun, has_begun) = oneshot::channel();
    let first = async {
        tokio::select! {
            _ = post(&app, "eraser", JSON, first) => panic!("the first body does not end by itself"),
            // The sender leaves.
            begun = has_begun => begun.expect("the second body begins"),
        }
    };
    let second = async {
        is_read.await.expect("the first body is read");
        let whole = stream::once(async move {
            begun.send(()).expect("the first sender waits for this");
            io::Result::Ok(large())
        });
        post(&app, "eraser", JSON, Body::from_stream(whole)).await.job()
    };
    tokio::join!(first, second);
    holds_no_bytes(&app).await;
}

/// Returns lines of different ids with 100 characters each.
fn lines(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|n| format!("{n:0>100}\n")).collect();
    lines.concat()
}

#[tokio::test]
async fn uploads_that_fill_the_budget_together_both_end() {
    let app = App::with(&format!("{MIB}worker.batch = 10000\n{MAIN}")).await;
    let upload = async |count| {
        let answer = post(&app, "eraser", NDJSON, lines(count)).await;
        answer.job();
        assert_eq!(answer.body["selected"], count);
    };
    tokio::join!(upload(5_000), upload(6_000));
    holds_no_bytes(&app).await;
}

#[tokio::test]
async fn an_upload_without_room_is_refused_and_leaves_nothing() {
    let app = App::with(&format!(
        "{MIB}worker.batch = 10000\napi.request_timeout = \"2s\"\n{MAIN}"
    ))
    .await;
    let (sent, is_read) = oneshot::channel();
    // It keeps its pace, and its ids fill the part of its caller.
    let slow = stream::unfold((Some(lines(1_598)), Some(sent)), async |(text, mut sent): Sending| {
        if let Some(text) = text {
            return Some((io::Result::Ok(text), (None, sent)));
        }
        if let Some(sent) = sent.take() {
            sent.send(()).expect("the test waits for this");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((io::Result::Ok("\n".to_owned()), (None, sent)))
    });
    let meanwhile = async {
        is_read.await.expect("the first upload is read");
        post(&app, "eraser", NDJSON, lines(1))
            .await
            .refused(429, "too-many-bytes", "nothing was accepted");
        assert_eq!(app.count().await, 0);
        post(&app, "other", NDJSON, lines(1)).await.job();
    };
    tokio::select! {
        _ = post(&app, "eraser", NDJSON, Body::from_stream(slow)) => panic!("the upload does not end by itself"),
        () = meanwhile => {}
    }
    post(&app, "eraser", NDJSON, lines(1)).await.job();
    holds_no_bytes(&app).await;
}

#[tokio::test]
async fn long_ids_are_written_in_smaller_batches() {
    let app = App::with(MAIN).await;
    let long: Vec<String> = (0..3_000).map(|n| format!("{n:0>1000}\n")).collect();
    let answer = post(&app, "eraser", NDJSON, long.concat()).await;
    answer.job();
    assert_eq!(answer.body["selected"], 3_000);
    assert_eq!(
        claim(&app).await.len(),
        4,
        "three batches of 1000 would take more memory"
    );
}

#[tokio::test]
async fn a_caller_with_too_many_unfinished_jobs_waits_and_another_one_does_not() {
    let app = App::with(&format!(
        "api.max_unfinished_jobs_per_caller = 2\n[compat]\nwait = \"0s\"\n{MAIN}"
    ))
    .await;
    let before = refused(&app, "caller_jobs").await;
    let first = app.accepted("eraser").await;
    app.accepted("eraser").await;
    let answer = app.create("eraser", &json!({"select": {"ids": ["c"]}})).await;
    answer.refused(
        429,
        "too-many-jobs",
        "2 unfinished jobs (`api.max_unfinished_jobs_per_caller`)",
    );
    assert_eq!(answer.headers["retry-after"], "10");
    post(&app, "eraser", NDJSON, "c\n")
        .await
        .refused(429, "too-many-jobs", "");
    for (method, path, body) in [
        ("DELETE", "/memories/c", ""),
        ("DELETE", "/memories", r#"{"memory_ids": ["c"]}"#),
        ("DELETE", "/api/v1/memories/c?user_id=ana", ""),
        ("DELETE", "/api/memories/c", ""),
        ("DELETE", "/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/", ""),
        (
            "POST",
            "/memories/_delete_by_query?wait_for_completion=false",
            r#"{"query": {"match_all": {}}}"#,
        ),
    ] {
        let mut asked = request("eraser", method, path);
        if !body.is_empty() {
            asked = asked.header(header::CONTENT_TYPE, JSON);
        }
        let answer = app.send(asked.body(body.into()).expect("a request")).await;
        assert_eq!(answer.status, 429, "{path}: {}", answer.text);
        assert_eq!(answer.headers["retry-after"], "10", "{path}");
        assert!(
            answer.text.contains("api.max_unfinished_jobs_per_caller"),
            "{path}: {}",
            answer.text
        );
        assert_ne!(
            answer.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{path}"
        );
    }
    assert!(refused(&app, "caller_jobs").await >= before + 8);
    assert_eq!(app.count().await, 2);
    app.accepted("other").await;
    let cancel = format!("/v1/jobs/{first}/cancel");
    assert_eq!(app.post("operator", &cancel).await.body["state"], "cancelled");
    again(&app, JSON, &json!({"select": {"ids": ["c"]}}).to_string()).await;
}

#[tokio::test]
async fn a_repeated_request_is_answered_whatever_the_limits() {
    for limit in [
        "api.max_unfinished_jobs_per_caller = 3",
        "api.max_queue = 3\napi.max_unfinished_jobs_per_caller = 0",
    ] {
        let app = App::with(&format!(
            "{limit}\n[compat]\nwait = \"0s\"\non_timeout = \"503\"\n{MAIN}"
        ))
        .await;
        let body = json!({"select": {"ids": ["a"]}});
        let agnos = async |id: &str| {
            let request = request("eraser", "DELETE", &format!("/memories/{id}")).body(Body::empty());
            app.send(request.expect("a request")).await
        };
        let first = app
            .create_with("eraser", &body, &[("idempotency-key", "k")])
            .await
            .job();
        let second = app.upload("", &[("idempotency-key", "u")], "b\n").await.job();
        let third = agnos("c").await;
        assert_eq!(third.status, 503, "{}", third.text);
        // The count of all jobs is cached for a second.
        let start = Instant::now();
        while app.create("eraser", &body).await.status == 202 {
            assert!(start.elapsed().as_secs() < 30, "{limit} is no limit");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let again = app.create_with("eraser", &body, &[("idempotency-key", "k")]).await;
        assert_eq!(again.job(), first);
        let again = app.upload("", &[("idempotency-key", "u")], "b\n").await;
        assert_eq!(again.job(), second);
        // It joins the job that has not ended.
        let again = agnos("c").await;
        assert_eq!(again.status, 503, "{}", again.text);
        assert_eq!(again.headers["lethe-job"], third.headers["lethe-job"]);
        let others = [
            app.create_with("eraser", &body, &[("idempotency-key", "other")]).await,
            app.upload("", &[("idempotency-key", "other")], "b\n").await,
            app.upload("", &[("idempotency-key", "u")], "other\n").await,
            agnos("other").await,
        ];
        for other in others {
            assert!([429, 503].contains(&other.status.as_u16()), "{}", other.text);
            assert!(!other.headers.contains_key("lethe-job"), "{}", other.text);
        }
    }
}

#[tokio::test]
async fn the_ids_of_unfinished_jobs_are_bounded_for_each_caller() {
    let limits = "api.max_ids_per_request = 10\napi.max_ids_per_job = 10\napi.max_unfinished_ids_per_caller = 10\n";
    let app = App::with(&format!("worker.batch = 1\n{limits}{MAIN}")).await;
    let before = refused(&app, "caller_ids").await;
    let ids = |count: usize| json!({"select": {"ids": (0..count).map(|n| n.to_string()).collect::<Vec<_>>()}});
    app.create("eraser", &ids(6)).await.job();
    let answer = app.create("eraser", &ids(5)).await;
    answer.refused(429, "too-many-ids", "10 ids (`api.max_unfinished_ids_per_caller`)");
    assert_eq!(answer.headers["retry-after"], "10");
    // The ids of an upload count as they come. The first four are written before it is refused as a whole.
    post(&app, "eraser", NDJSON, "a\nb\nc\nd\ne\nf\ng\nh\ni\n")
        .await
        .refused(429, "too-many-ids", "");
    assert!(refused(&app, "caller_ids").await >= before + 2);
    assert_eq!(app.count().await, 1);
    post(&app, "other", NDJSON, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")
        .await
        .job();
    app.create("other", &ids(1)).await.refused(429, "too-many-ids", "");
    // A person is no list of ids.
    let person = json!({"select": {"subject": {"user_id": "ana"}}});
    app.create("root", &ids(10)).await.job();
    app.create("root", &person).await.job();
    // The ids of the refused upload no longer count.
    again(&app, NDJSON, "a\nb\nc\nd\n").await;
}

/// Sends the same request until it is accepted. A count of a caller's jobs may refuse some more.
async fn again(app: &App, kind: &str, body: &str) {
    let start = Instant::now();
    loop {
        assert!(start.elapsed().as_secs() < 30, "it stays refused");
        let answer = post(app, "eraser", kind, body.to_owned()).await;
        if answer.status == 202 {
            return;
        }
        assert_eq!(answer.status, 429, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
