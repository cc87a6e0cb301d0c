//! Repetitions of the same request.

use axum::body::Body;
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::sync::oneshot;

use crate::app::App;

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
