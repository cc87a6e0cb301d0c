//! Streams of ids.

use std::io;
use std::time::Duration;

use axum::body::Body;
use futures::stream;
use lethe_common::ledger::Work;
use serde_json::json;
use tokio::sync::oneshot;

use crate::accepting::claim;
use crate::app::{App, MAIN, request};

#[tokio::test]
async fn lines_become_partitions_with_the_fields_of_the_query() {
    let app = App::with(&format!("worker.batch = 2\n{MAIN}")).await;
    let lines = "\"a\"\n{\"id\": \"b\"}\r\n\n\"b\"\n\"c\"";
    let query = "?target=main&table=memories&owner=M%C3%BCller&workspace=w&limit=9&per_second=0.25&dry_run=false";
    let answer = app.upload(query, &[], lines).await;
    answer.job();
    assert_eq!(answer.body["selected"], 3, "an id that comes again is the same");
    assert_eq!(answer.body["stores"].as_array().expect("a list").len(), 2);
    let leases = claim(&app).await;
    let parts: Vec<_> = leases
        .iter()
        .map(|lease| match &lease.work {
            Work::Ids(ids) => ids.to_vec(),
            _ => panic!("no ids"),
        })
        .collect();
    assert_eq!(parts, [vec!["a", "b"], vec!["c"]]);
    assert_eq!(leases[0].job.owner.as_deref(), Some("Müller"));
    assert_eq!(leases[0].job.per_second, Some(0.25));
}

#[tokio::test]
async fn a_limit_is_about_memories_and_not_about_lines() {
    let app = App::with(&format!("worker.batch = 2\n{MAIN}")).await;
    let lines = "\"a\"\n\"b\"\n".repeat(3);
    app.upload("?limit=1", &[], lines.clone())
        .await
        .refused(422, "limit-exceeded", "");
    assert!(claim(&app).await.is_empty() && app.count().await == 0);
    let answer = app.upload("?limit=2", &[], lines).await;
    answer.job();
    assert_eq!(answer.body["selected"], 2);
    assert_eq!(claim(&app).await.len(), 1);
}

#[tokio::test]
async fn one_bad_line_refuses_the_whole_upload_by_its_number() {
    let app = App::with(&format!("worker.batch = 2\napi.max_id_length = 5\n{MAIN}")).await;
    for (lines, status, code, says) in [
        ("\"a\"\n\"b\"\n\"c\"\n7\n", 422, "invalid", "line 4: "),
        (
            "\"a\"\n\"secret\"\n",
            422,
            "invalid",
            "line 2: write at most 5 characters",
        ),
        ("\"a\"\n\"\"\n", 422, "invalid", "line 2: "),
        ("\"a\"\n\"\\u0000\"\n", 422, "invalid", "line 2: "),
        ("{\"id\": \"a\", \"owner\": \"o\"}\n", 422, "invalid", "line 1: "),
        ("\n\n{\"select\": {\"ids\": [\"a\"]}}", 422, "invalid", "line 3: "),
        ("", 422, "invalid", "at least one id"),
        ("\n \n", 422, "invalid", "at least one id"),
    ] {
        let answer = app.upload("", &[], lines).await;
        answer.refused(status, code, says);
        assert!(!answer.text.contains("secret"), "{}", answer.text);
    }
    let long = format!("\"a\"\n\"{}\"\n", "x".repeat(1000));
    app.upload("", &[], long).await.refused(413, "too-large", "line 2");
    assert_eq!(app.count().await, 0);
    assert!(claim(&app).await.is_empty());
}

#[tokio::test]
async fn what_is_beside_the_lines_is_checked_like_json() {
    let app = App::new().await;
    for (query, says) in [
        ("?limit=0", "`limit`: write a whole number of at least 1"),
        ("?limit=-1", "`limit`"),
        ("?per_second=x", "`per_second`"),
        (
            "?per_second=4294967296",
            "`per_second`: write a number above 0, of at most 4294967295",
        ),
        ("?per_second=NaN", "`per_second`: write a number above 0"),
        ("?dry_run=yes", "`dry_run`: write true or false"),
        ("?not_before=soon", "`not_before`"),
        ("?not_before=2001-01-01T00:00:00Z", "`not_before`"),
        ("?owner=", "`owner`"),
        ("?owner=a&owner=b", "`owner`: write this field once"),
        ("?owner=%ff", "UTF-8"),
        ("?colour=red", "`colour`"),
        ("?target=elsewhere", "name one of `main`"),
    ] {
        app.upload(query, &[], "\"a\"\n").await.refused(422, "invalid", says);
    }
    app.upload("?priority=1", &[], "\"a\"\n")
        .await
        .refused(422, "not-supported", "`priority`");
    app.upload("?limit=1", &[], "\"a\"\n\"b\"\n")
        .await
        .refused(422, "limit-exceeded", "");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn an_upload_is_bounded_in_bytes_and_in_ids() {
    let limits = "api.max_upload = 64\napi.max_ids_per_request = 3\napi.max_ids_per_job = 3\n";
    let app = App::with(&format!("{limits}{MAIN}")).await;
    app.upload("", &[], "\"a\"\n".repeat(20))
        .await
        .refused(413, "too-large", "64 bytes");
    let four = "\"a\"\n\"b\"\n\"c\"\n\"d\"\n";
    app.upload("", &[], four)
        .await
        .refused(413, "too-large", "at most 3 ids");
    app.upload("", &[], four.get(..12).unwrap()).await.job();
}

#[tokio::test]
async fn a_sender_that_breaks_off_leaves_nothing() {
    let app = App::with(&format!("worker.batch = 1\n{MAIN}")).await;
    let parts = [Ok("\"a\"\n\"b\"\n".to_owned()), Err(io::Error::other("gone"))];
    let answer = app.upload("", &[], Body::from_stream(stream::iter(parts))).await;
    answer.refused(400, "malformed", "ended too early");
    assert_eq!(app.count().await, 0);
    assert!(claim(&app).await.is_empty());
}

#[tokio::test]
async fn a_sender_that_drips_is_not_waited_for() {
    let app = App::with(&format!("api.request_timeout = \"500ms\"\n{MAIN}")).await;
    // Each part arrives in time, and the whole never does.
    let drip = async |n: u32| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((io::Result::Ok(if n.is_multiple_of(2) { "a" } else { "\n" }), n + 1))
    };
    let answer = app.upload("", &[], Body::from_stream(stream::unfold(0, drip))).await;
    answer.refused(408, "timeout", "faster");
    assert_eq!(app.count().await, 0);
}

/// Returns a body that never arrives, and a signal that its read has begun.
fn silent() -> (Body, oneshot::Receiver<()>) {
    let (begun, has_begun) = oneshot::channel();
    let silence = stream::once(async move {
        begun.send(()).expect("the test waits for this");
        std::future::pending::<io::Result<String>>().await
    });
    (Body::from_stream(silence), has_begun)
}

#[tokio::test]
async fn a_caller_has_no_more_uploads_than_are_left_for_others() {
    let app = App::with(&format!("api.max_uploads = 4\n{MAIN}")).await;
    let [(first, first_begins), (second, second_begins)] = [silent(), silent()];
    let meanwhile = async {
        first_begins.await.expect("the first upload begins");
        second_begins.await.expect("the second upload begins");
        app.upload("", &[], "\"a\"\n")
            .await
            .refused(429, "too-many-uploads", "as many slots as are free");
        let request = request("root", "POST", "/v1/jobs").header("content-type", "application/x-ndjson");
        app.send(request.body("\"a\"\n".into()).expect("a request")).await.job();
    };
    tokio::select! {
        _ = app.upload("", &[], first) => panic!("the upload does not end by itself"),
        _ = app.upload("", &[], second) => panic!("the upload does not end by itself"),
        () = meanwhile => {}
    }
}

#[tokio::test]
async fn a_sender_that_leaves_gives_its_place_to_the_next() {
    let app = App::with(&format!("api.max_uploads = 1\nworker.batch = 1\n{MAIN}")).await;
    let (first, has_begun) = silent();
    let upload = app.upload("", &[], first);
    let meanwhile = async {
        has_begun.await.expect("the upload begins");
        let answer = app.upload("", &[], "\"a\"\n").await;
        answer.refused(429, "too-many-uploads", "");
        assert_eq!(answer.headers["retry-after"], "10");
        // A small JSON body is no upload. A large one is.
        app.create("eraser", &json!({"select": {"ids": ["a"]}})).await.job();
        let large = json!({"select": {"ids": (0..20_000).map(|n| n.to_string()).collect::<Vec<_>>()}});
        app.create("eraser", &large).await.refused(429, "too-many-uploads", "");
    };
    tokio::select! {
        _ = upload => panic!("the upload does not end by itself"),
        () = meanwhile => {}
    }
    app.upload("", &[], "\"a\"\n").await.job();
}
