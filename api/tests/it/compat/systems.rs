//! The rules of each single system.

use axum::body::Body;
use serde_json::{Value, json};

use super::{bulk, delete, one_target, send, shaped, two_targets};
use crate::app::{App, MAIN};

#[tokio::test]
async fn agno_names_databases_and_tables() {
    let app = two_targets().await;
    for (path, status, detail) in [
        ("/memories/a?db_id=X", 404, "No database found with id 'X'"),
        (
            "/memories/a?db_id=main&table=Y",
            404,
            "No database with id 'main' has table 'Y'",
        ),
        (
            "/memories/a?table=Y",
            400,
            "The db_id query parameter is required when passing a table",
        ),
        (
            "/memories/a",
            400,
            "The db_id query parameter is required when using multiple databases",
        ),
        (
            "/memories/a?db_id=&table=",
            400,
            "The db_id query parameter is required when using multiple databases",
        ),
    ] {
        for answer in [
            delete(&app, "root", path).await,
            bulk(&app, &path.replace("/a", ""), r#"{"memory_ids": ["a"]}"#).await,
        ] {
            assert_eq!(
                (answer.status.as_u16(), &answer.body["detail"]),
                (status, &json!(detail)),
                "{path}"
            );
            shaped(path, &answer);
        }
    }
    delete(&app, "root", "/memories/a?db_id=main").await.job();
    // With several tables, the request has to name one.
    assert_eq!(delete(&app, "root", "/memories/a?db_id=other").await.status, 422);
    delete(&app, "root", "/memories/a?db_id=other&table=notes").await.job();
}

#[tokio::test]
async fn agno_says_what_is_wrong_with_a_body() {
    let app = one_target().await;
    let deep = format!(
        r#"{{"memory_ids": ["a"], "x": {}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for (body, status) in [
        ("", 422),
        ("{", 422),
        ("[]", 422),
        ("null", 422),
        (r#"{"memory_ids": []}"#, 400),
        (r#"{"memory_ids": "a"}"#, 422),
        (r#"{"memory_ids": [1]}"#, 422),
        (r#"{"memory_ids": [""]}"#, 422),
        (r#"{"memory_ids": ["a"], "user_id": ""}"#, 422),
        (r#"{"memory_ids": ["a"], "user_id": 7}"#, 422),
        (r#"{"memory_ids": ["a"], "memory_ids": ["b"]}"#, 422),
        (r#"{"memory_ids": ["a"], "user_id": "x", "user_id": "y"}"#, 422),
        (r#"{"memory_ids": ["\ud800"]}"#, 422),
        (r#"{"memory_ids": ["a"], "x": NaN}"#, 422),
        (r#"{"user_id": "x"}"#, 422),
        (r#"["a"]"#, 422),
        ("\u{feff}{\"memory_ids\": [\"a\"]}", 422),
    ] {
        let answer = bulk(&app, "/memories", body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        shaped("/memories", &answer);
    }
    let utf16: Vec<u8> = r#"{"memory_ids": ["a"]}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let answer = send(&app, "root", "DELETE", "/memories", Some("application/json"), utf16).await;
    assert_eq!(answer.status, 422);
    let nested = bulk(&app, "/memories", &deep).await;
    assert!([202, 422].contains(&nested.status.as_u16()), "{}", nested.text);
    let text = send(
        &app,
        "root",
        "DELETE",
        "/memories",
        Some("text/plain"),
        r#"{"memory_ids": ["a"]}"#,
    )
    .await;
    assert_eq!(text.status, 422);
    for query in [
        "?user_id=a&user_id=a",
        "?user_id=a%00",
        "?user_id=",
        "?db_id=main&db_id=main",
        "?user_id=%ff",
    ] {
        let path = format!("/memories/a{query}");
        assert_eq!(delete(&app, "root", &path).await.status, 422, "{path}");
    }
    // Unknown parameters and fields are ignored, as Agno does it.
    let extra = r#"{"memory_ids": ["a", "a"], "user_id": null, "more": {"a": [1]}}"#;
    bulk(&app, "/memories?unknown=1&unknown=2", extra).await.job();
}

#[tokio::test]
async fn forty_thousand_ids_are_taken_and_too_many_bytes_are_not() {
    let app = App::with(&format!("[api]\nmax_body = \"2MiB\"\n[compat]\nwait = \"0s\"\n{MAIN}")).await;
    let ids: Vec<String> = (0..40_000).map(|n| format!("memory-{n}")).collect();
    let taken = bulk(&app, "/memories", &json!({"memory_ids": ids}).to_string()).await;
    assert_eq!(taken.body["selected"], 40_000, "{}", taken.text);
    let refused = bulk(&app, "/memories", &format!("{}{}", " ".repeat(3 << 20), "{}")).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["error_code"]),
        (413, &json!("PAYLOAD_TOO_LARGE"))
    );
    shaped("/memories", &refused);
}

#[tokio::test]
async fn mem0_says_what_is_wrong() {
    let app = two_targets().await;
    let batch = |n: usize| -> Value {
        let memory = json!({"memory_id": "d23f0824-128b-4f33-8c5c-7fd0a6a3a450"});
        json!({"memories": vec![memory; n]})
    };
    for (method, path, body, error) in [
        (
            "DELETE",
            "/v1/memories/x/",
            String::new(),
            "memory_id should be a valid UUID",
        ),
        (
            "DELETE",
            "/v1/memories/",
            String::new(),
            "At least one identifier is required.",
        ),
        (
            "DELETE",
            "/v1/batch/",
            batch(1_001).to_string(),
            "Maximum of 1000 memories can be deleted in a single request",
        ),
        (
            "DELETE",
            "/v2/entities/dog/x/",
            String::new(),
            "entity_type should be one of user, agent, app and run",
        ),
    ] {
        let answer = send(&app, "root", method, path, Some("application/json"), body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body),
            (400, &json!({"error": error, "detail": error})),
            "{path}"
        );
    }
    for value in ["true", "True", "1", "yes", "y", "true&delete_linked=false"] {
        let linked = format!("/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/?delete_linked={value}");
        let refused = delete(&app, "root", &linked).await;
        assert_eq!(refused.status, 400, "{value}: {}", refused.text);
    }
    for value in ["false", "False", "0", ""] {
        let alone = format!("/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/?delete_linked={value}");
        delete(&app, "root", &alone).await.job();
    }
    for value in ["true", "false", "True", ""] {
        let entity = delete(&app, "root", &format!("/v2/entities/user/ana/?delete_linked={value}")).await;
        assert_eq!(entity.status, 200, "{value}: {}", entity.text);
    }
    assert_eq!(
        delete(&app, "root", "/v2/entities/user/ana/?delete_linked=maybe")
            .await
            .status,
        400
    );
    assert_eq!(
        delete(&app, "root", "/v1/memories/?user_id=ana&delete_linked=true")
            .await
            .status,
        400
    );
    // A condition without a mapped column is refused, not ignored.
    assert_eq!(
        delete(&app, "root", "/v1/memories/?user_id=a&app_id=b").await.status,
        400
    );
    assert_eq!(delete(&app, "root", "/v1/memories/?user_id=").await.status, 400);
    let unknown = app.get("root", "/v1/event/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/").await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.body),
        (404, &json!({"error": "Event not found!", "detail": "Event not found!"}))
    );
    // mem0's client sends the key after `Token`.
    let token = axum::http::Request::builder()
        .uri("/v1/ping/")
        .header("authorization", "Token key-of-root");
    assert_eq!(
        app.send(token.body(Body::empty()).expect("a request")).await.status,
        200
    );
    let bearer_only = axum::http::Request::builder()
        .uri("/v1/jobs")
        .header("authorization", "Token key-of-root");
    assert_eq!(
        app.send(bearer_only.body(Body::empty()).expect("a request"))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_filter_that_mem0_s_clients_may_send_is_refused_and_not_ignored() {
    let app = one_target().await;
    for path in [
        "/v1/memories/?user_id=ana&metadata=%7B%22topic%22%3A%22x%22%7D",
        "/v1/memories/?user_id=ana&filters=x",
        "/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/?user_id=ana",
        "/v2/entities/user/ana/?metadata=x",
    ] {
        let answer = delete(&app, "root", path).await;
        assert_eq!(answer.status, 400, "{path}");
        shaped(path, &answer);
    }
    let batch = r#"{"memories": [{"memory_id": "d23f0824-128b-4f33-8c5c-7fd0a6a3a450"}]}"#;
    assert_eq!(bulk(&app, "/v1/batch/?user_id=ana", batch).await.status, 400);
    assert_eq!(app.count().await, 0);
    let account = delete(&app, "root", "/v1/memories/?user_id=ana&org_id=o&project_id=p").await;
    assert_eq!(account.status, 200, "{}", account.text);
}
