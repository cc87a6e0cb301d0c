//! Bodies of other systems' clients: how each is read, and that none is ignored.

use axum::body::Body;
use futures::stream;
use serde_json::json;

use super::{bulk, delete, one_target, send, shaped};

/// Deletions without a body, given by path and query.
const BODILESS: [(&str, u16); 6] = [
    ("/v1/memories/?user_id=ana", 400),
    ("/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/", 400),
    ("/v2/entities/user/ana/", 400),
    ("/memories/a", 422),
    ("/api/v1/memories/a?user_id=ana", 422),
    ("/api/memories/a", 400),
];

#[tokio::test]
async fn a_filter_in_a_body_that_nobody_reads_is_refused_and_not_ignored() {
    let app = one_target().await;
    for (path, status) in BODILESS {
        for (kind, body) in [
            (Some("application/json"), r#"{"agent_id": "bot"}"#),
            (
                Some("application/json"),
                r#"{"filters": {"AND": [{"agent_id": "bot"}]}}"#,
            ),
            (Some("application/json"), r#"{"user_id": "ben"}"#),
            (Some("application/json"), "[]"),
            (Some("application/json"), "{"),
            (Some("application/x-www-form-urlencoded"), "agent_id=bot"),
            (None, "agent_id=bot"),
            (None, "\0"),
        ] {
            let answer = send(&app, "root", "DELETE", path, kind, body).await;
            assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
            assert!(answer.text.contains("the body"), "{path} {body}: {}", answer.text);
            shaped(path, &answer);
        }
        // In parts, without a known length, and far too long.
        let parts = [r#"{"agent"#, r#"_id": "bot"}"#].map(|part| Ok::<_, std::io::Error>(part.to_owned()));
        let answer = send(
            &app,
            "root",
            "DELETE",
            path,
            None,
            Body::from_stream(stream::iter(parts)),
        )
        .await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        let long = format!("{}{{}}", " ".repeat(20 << 20));
        let answer = send(&app, "root", "DELETE", path, Some("application/json"), long).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_body_that_says_nothing_is_none() {
    let app = one_target().await;
    for (path, _) in BODILESS {
        for body in ["", " \r\n", "{}", "null", " {} "] {
            let answer = send(&app, "root", "DELETE", path, Some("application/json"), body).await;
            let expected = if path.contains("/v1/memories/?") || path.contains("/v2/") {
                200
            } else {
                202
            };
            assert_eq!(answer.status, expected, "{path} {body:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_condition_in_a_batch_is_refused_and_not_ignored() {
    let app = one_target().await;
    let memory = "d23f0824-128b-4f33-8c5c-7fd0a6a3a450";
    for body in [
        json!({"memories": [{"memory_id": memory}], "user_id": "ana"}),
        json!({"memories": [{"memory_id": memory}], "filters": {"agent_id": "bot"}}),
        json!({"memories": [{"memory_id": memory, "user_id": "ana"}]}),
        json!({"memories": [{"memory_id": memory, "metadata": {}}]}),
    ] {
        let answer = bulk(&app, "/v1/batch/", &body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        shaped("/v1/batch/", &answer);
    }
    assert_eq!(app.count().await, 0);
    bulk(
        &app,
        "/v1/batch/",
        &json!({"memories": [{"memory_id": memory}]}).to_string(),
    )
    .await
    .job();
}

#[tokio::test]
async fn json_may_be_called_by_what_is_written_in_it() {
    let app = one_target().await;
    let agno = r#"{"memory_ids": ["a"]}"#;
    let batch = r#"{"memories": [{"memory_id": "d23f0824-128b-4f33-8c5c-7fd0a6a3a450"}]}"#;
    let native = r#"{"select": {"ids": ["a"]}}"#;
    for (method, path, body, refused) in [
        ("DELETE", "/memories", agno, 422),
        ("DELETE", "/v1/batch/", batch, 415),
        ("POST", "/v1/jobs", native, 415),
    ] {
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.api+json",
            "application/problem+json;charset=utf-8",
            "application/LD+JSON",
        ] {
            send(&app, "root", method, path, Some(kind), body).await.job();
        }
        for kind in [
            "text/json",
            "text/x+json",
            "application/+json",
            "application/json5",
            "application/jsonp",
            "application/x-json",
            "application/json+xml",
            "application/x-json-stream",
        ] {
            let answer = send(&app, "root", method, path, Some(kind), body).await;
            assert_eq!(answer.status, refused, "{path} {kind}: {}", answer.text);
        }
    }
    assert_eq!(delete(&app, "root", "/memories").await.status, 422);
}
