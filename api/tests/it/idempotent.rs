//! Repetitions of the same request.

use axum::body::Body;
use futures::{StreamExt, stream};
use lethe_api::{AppState, router};
use lethe_common::clock::Clock;
use lethe_common::ledger::{Route, WorkerReport};
use lethe_common::metrics::Metrics;
use serde_json::json;
use tokio::sync::oneshot;

use crate::app::{App, MAIN};

const KEY: (&str, &str) = ("idempotency-key", "k-1");

#[tokio::test]
async fn the_same_request_is_answered_with_the_same_job() {
    let app = App::new().await;
    let first = app
        .create_raw(
            "eraser",
            "application/json",
            &[KEY],
            r#"{"select": {"ids": ["a"]}, "owner": "o"}"#,
        )
        .await;
    let again = r#"{ "owner":"o",
        "select":{"ids":["\u0061"]}, "dry_run": false }"#;
    let second = app
        .create_raw("eraser", "application/json; charset=utf-8", &[KEY], again)
        .await;
    assert_eq!(first.job(), second.job());
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let app = App::new().await;
    app.create_with("eraser", &json!({"select": {"ids": ["a"]}}), &[KEY])
        .await
        .job();
    for other in [
        json!({"select": {"ids": ["b"]}}),
        json!({"select": {"ids": ["a"]}, "owner": "o"}),
        json!({"select": {"ids": ["a"]}, "dry_run": true}),
    ] {
        let answer = app.create_with("eraser", &other, &[KEY]).await;
        answer.refused(422, "key-reused", "another idempotency key");
    }
    app.upload("", &[KEY], "\"a\"\n").await.refused(422, "key-reused", "");
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_whoever_used_it() {
    let app = App::new().await;
    let asked = json!({"select": {"ids": ["a"]}});
    let mine = app.create_with("eraser", &asked, &[KEY]).await.job();
    let theirs = app.create_with("other", &asked, &[KEY]).await.job();
    assert_ne!(mine, theirs);
}

#[tokio::test]
async fn a_key_has_to_be_printable_and_short() {
    let app = App::new().await;
    let asked = json!({"select": {"ids": ["a"]}});
    let long = "k".repeat(256);
    for key in ["", long.as_str(), "a\tb"] {
        let answer = app.create_with("eraser", &asked, &[("idempotency-key", key)]).await;
        answer.refused(422, "invalid", "Idempotency-Key");
    }
    app.create_with("eraser", &asked, &[KEY, KEY])
        .await
        .refused(422, "invalid", "send one");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn an_upload_is_known_by_its_bytes_and_its_query() {
    let app = App::new().await;
    let first = app.upload("?owner=o", &[KEY], "\"a\"\n\"b\"\n").await.job();
    let again = app.upload("?owner=o", &[KEY], "\"a\"\n\"b\"\n").await.job();
    assert_eq!(first, again);
    app.upload("?owner=o", &[KEY], "\"a\"\n\"c\"\n")
        .await
        .refused(422, "key-reused", "");
    app.upload("?owner=p", &[KEY], "\"a\"\n\"b\"\n")
        .await
        .refused(422, "key-reused", "");
    app.upload("", &[KEY], "\"a\"\n\"b\"\n")
        .await
        .refused(422, "key-reused", "");
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn a_key_whose_first_request_is_not_answered_yet_is_in_flight() {
    let app = App::new().await;
    let (sent, wait) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel::<()>();
    let first = stream::iter([Ok::<_, std::io::Error>("\"a\"\n".to_owned())]);
    // The second part is read after the first was staged under the key.
    let rest = stream::once(async move {
        begun.send(()).expect("the test waits for this");
        wait.await.expect("the test sends this");
        Ok("\"b\"\n".to_owned())
    });
    let upload = app.upload("", &[KEY], Body::from_stream(first.chain(rest)));
    let meanwhile = async {
        has_begun.await.expect("the upload begins");
        app.upload("", &[KEY], "\"a\"\n\"b\"\n")
            .await
            .refused(409, "key-in-flight", "again");
        let other = json!({"select": {"ids": ["a"]}});
        let other = app.create_with("eraser", &other, &[KEY]).await;
        other.refused(409, "key-in-flight", "again");
        assert_eq!(other.headers["retry-after"], "1");
        sent.send(()).expect("the upload waits for this");
    };
    let (first, ()) = tokio::join!(upload, meanwhile);
    assert_eq!(first.body["selected"], 2);
    assert_eq!(app.upload("", &[KEY], "\"a\"\n\"b\"\n").await.job(), first.job());
}

#[tokio::test]
async fn a_refused_upload_leaves_its_key_to_the_next() {
    let app = App::new().await;
    app.upload("", &[KEY], "\"a\"\n3\n")
        .await
        .refused(422, "invalid", "line 2");
    let asked = async || app.upload("", &[KEY], "\"a\"\n").await;
    // The staged ids are removed in the background.
    let mut answer = asked().await;
    while answer.status == 409 {
        tokio::task::yield_now().await;
        answer = asked().await;
    }
    answer.job();
}

/// Returns a process with another configuration over the ledger of `app`.
async fn reconfigured(app: &App, toml: &str) -> App {
    let mut other = App::with(toml).await;
    other.router = router(AppState::new(
        other.config.clone(),
        app.ledger.clone(),
        other.doorbell.clone(),
        Metrics::install(&other.config),
        Clock::system(),
    ));
    other
}

#[tokio::test]
async fn a_request_is_repeated_after_its_table_left_the_configuration() {
    let app = App::new().await;
    let asked = json!({"table": "memories", "select": {"ids": ["a"]}});
    let first = app.create_with("eraser", &asked, &[KEY]).await.job();
    let (query, upload) = ("?table=memories", [("idempotency-key", "u")]);
    let second = app.upload(query, &upload, "a\nb\n").await.job();

    let renamed = MAIN.replace("name = \"memories\"\n    columns", "name = \"notes\"\n    columns");
    let later = reconfigured(&app, &renamed).await;
    assert_eq!(later.create_with("eraser", &asked, &[KEY]).await.job(), first);
    assert_eq!(later.upload(query, &upload, "a\nb\n").await.job(), second);
    let others = [
        later.create("eraser", &asked).await,
        later.create_with("eraser", &asked, &upload).await,
        later.upload(query, &upload, "other\n").await,
        later.upload(query, &[], "a\nb\n").await,
    ];
    for other in others {
        assert!(other.status.is_client_error(), "{}", other.text);
        assert!(!other.headers.contains_key("lethe-job"), "{}", other.text);
    }
    assert_eq!(app.count().await, 2);
}

#[tokio::test]
async fn a_request_is_repeated_after_a_worker_has_reported_other_types() {
    let config = MAIN.replace("collection = {", "fields = { size = \"bytes\" }\n    collection = {");
    let app = App::with(&config).await;
    let asked = json!({"select": {"query": {"eq": {"size": "big"}}}});
    let first = app.create_with("eraser", &asked, &[KEY]).await.job();
    let mapping = app.config.mappings().next().expect("one mapping");
    let report = WorkerReport {
        name: "w".to_owned(),
        version: "1.2.3",
        slots: 4,
        routes: vec![Route::to(mapping.target, mapping.table)],
        siblings: Vec::new(),
        targets: json!({"main": {"stores": {}, "faults": [], "types": {"memories": {"bytes": {"integer": 32}}}}}),
        claimed: false,
    };
    app.ledger.report_worker(&report).await.expect("the ledger answers");
    app.create("eraser", &asked).await.refused(422, "invalid", "numbers");
    assert_eq!(app.create_with("eraser", &asked, &[KEY]).await.job(), first);
    assert_eq!(app.count().await, 1);
}
