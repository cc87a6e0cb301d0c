//! OpenSearch: the first requests of its clients, and answers on unknown paths.

use axum::body::Body;
use serde_json::{Value, json};

use crate::app::{Answer, App, MAIN, request};

#[track_caller]
fn is_envelope(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    let error = &answer.body["error"];
    assert_eq!(
        (&error["type"], &answer.body["status"]),
        (&json!(kind), &json!(status)),
        "{}",
        answer.text
    );
    assert_eq!(error["root_cause"][0]["reason"], error["reason"]);
}

#[tokio::test]
async fn clients_are_told_what_this_is() {
    let app = App::with(MAIN).await;
    let info = app.get("eraser", "/").await;
    assert_eq!(info.status, 200, "{}", info.text);
    let version = &info.body["version"];
    assert_eq!(version["distribution"], "opensearch", "{}", info.text);
    let parts = version["number"].as_str().map(|number| number.split('.').count());
    assert_eq!(parts, Some(3), "{}", info.text);
    assert!(
        info.body["tagline"]
            .as_str()
            .is_some_and(|tagline| tagline.contains("OpenSearch"))
    );
    let ping = app
        .send(request("eraser", "HEAD", "/").body(Body::empty()).expect("a request"))
        .await;
    assert_eq!((ping.status.as_u16(), ping.text.as_str()), (200, ""));
    let stranger = app.get("", "/").await;
    is_envelope(&stranger, 401, "security_exception");
    assert!(
        stranger.headers["www-authenticate"]
            .to_str()
            .is_ok_and(|value| value.contains("Basic"))
    );
    is_envelope(&app.post("eraser", "/").await, 405, "illegal_argument_exception");
}

#[tokio::test]
async fn a_browser_is_led_to_the_console() {
    for (toml, status) in [
        (MAIN.to_owned(), 303),
        (format!("[console]\nenabled = false\n{MAIN}"), 404),
    ] {
        let app = App::with(&toml).await;
        for who in ["", "eraser"] {
            let asked = request(who, "GET", "/").header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
            let answer = app.send(asked.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, status, "{}", answer.text);
            assert!(!answer.headers.contains_key("www-authenticate"));
        }
    }
}

#[tokio::test]
async fn paths_of_open_search_that_nobody_answers_have_its_envelope() {
    let app = App::with(MAIN).await;
    for path in [
        "/_search",
        "/notes/_search",
        "/notes/_doc/1",
        "/memories/_doc/1",
        "/_cat/indices",
        "/a/b/_c",
    ] {
        is_envelope(&app.post("eraser", path).await, 404, "status_exception");
        is_envelope(&app.post("", path).await, 401, "security_exception");
    }
    // A memory of Agno's may have this id, but only a deletion refers to a memory.
    is_envelope(
        &app.post("eraser", "/memories/_search").await,
        405,
        "illegal_argument_exception",
    );
    let agnos = app.send_json("", "DELETE", "/memories/_search", &Value::Null).await;
    assert_eq!(
        (agnos.status.as_u16(), agnos.body.get("detail").is_some()),
        (401, true),
        "{}",
        agnos.text
    );
    let native = app.get("", "/v1/jobs/_x").await;
    assert_eq!(native.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn an_index_without_a_name_is_not_there() {
    let app = App::with(MAIN).await;
    let body = json!({"query": {"match_all": {}}});
    let answer = app.send_json("eraser", "POST", "//_delete_by_query", &body).await;
    is_envelope(&answer, 404, "index_not_found_exception");
    is_envelope(
        &app.send_json("", "POST", "//_delete_by_query", &body).await,
        401,
        "security_exception",
    );
}

#[tokio::test]
async fn a_name_that_is_given_twice_is_named() {
    let app = App::with(MAIN).await;
    for (body, named) in [
        (
            r#"{"query": {"match_all": {}}, "query": {"match_none": {}}}"#,
            "`query`",
        ),
        (
            r#"{"query": {"bool": {"must": [], "filter": [], "must": []}}}"#,
            "`query.bool.must`",
        ),
        (
            r#"{"query": {"terms": {"owner_id": ["a"], "owner_id": ["b"]}}}"#,
            "`query.terms.owner_id`",
        ),
    ] {
        let asked = request("eraser", "POST", "/main/_delete_by_query").header("content-type", "application/json");
        let answer = app.send(asked.body(Body::from(body)).expect("a request")).await;
        is_envelope(&answer, 400, "parsing_exception");
        let reason = answer.body["error"]["reason"].as_str().expect("a reason");
        assert_eq!(reason, format!("{named}: write this field once"));
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_filter_in_a_body_that_nobody_reads_is_refused() {
    let config = format!("[compat]\nwait = \"0s\"\nopensearch.types.working = \"memories\"\n{MAIN}");
    let app = App::with(&config).await;
    let memory = "/_plugins/_ml/memory_containers/main/memories/working/m-1";
    let filter = json!({"query": {"term": {"owner_id": "ana"}}});
    for (method, path, route) in [
        (
            "DELETE",
            memory,
            "/_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/{id}",
        ),
        ("POST", "/_tasks/_cancel?actions=*", "/_tasks/_cancel"),
        ("POST", "/_tasks/lethe:1/_cancel", "/_tasks/{task_id}/_cancel"),
        ("DELETE", "/_tasks/lethe:1", "/_tasks/{task_id}"),
        (
            "POST",
            "/_delete_by_query/lethe:1/_rethrottle?requests_per_second=1",
            "/_delete_by_query/{task_id}/_rethrottle",
        ),
        (
            "POST",
            "/_reindex/lethe:1/_rethrottle?requests_per_second=1",
            "/_reindex/{task_id}/_rethrottle",
        ),
    ] {
        let answer = app.send_json("root", method, path, &filter).await;
        is_envelope(&answer, 400, "illegal_argument_exception");
        let reason = format!("request [{method} {route}] does not support having a body");
        assert_eq!(answer.body["error"]["reason"], json!(reason), "no id is repeated");
    }
    let narrowed = format!("{memory}?user_id=ana");
    let answer = app.send_json("root", "DELETE", &narrowed, &Value::Null).await;
    is_envelope(&answer, 400, "illegal_argument_exception");
    assert_eq!(
        answer.body["error"]["reason"],
        json!("request contains unrecognized parameter: [user_id]")
    );
    assert_eq!(app.count().await, 0);
    let plain = format!("{memory}?pretty");
    app.send_json("root", "DELETE", &plain, &json!({})).await.job();
}
