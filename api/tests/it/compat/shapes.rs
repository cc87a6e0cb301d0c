//! The rules that all systems share: the order of refusals, each in the system's own shape.

use axum::body::Body;
use serde_json::json;
use tower::ServiceExt;

use super::{bulk, delete, one_target, send, shaped};
use crate::app::{Answer, App, MAIN, request};

const PATHS: [&str; 25] = [
    "/memories",
    "/memories/a",
    "/memories/a/b/c",
    "/api/v1/memories/a",
    "/api/memories/a",
    "/v1/memories/",
    "/v1/memories/a/",
    "/v1/batch/",
    "/v1/event/a/",
    "/v1/ping/",
    "/v2/entities/user/a/",
    // Other paths of the systems, and unknown ones.
    "/memories/",
    "/memories//",
    "/memories/%ff",
    "/memory_topics",
    "/user_memory_stats",
    "/optimize-memories",
    "/api",
    "/api/memories",
    "/api/buckets/x",
    "/api/v1",
    "/api/v1/workspaces",
    "/api/v1/orgs/organizations/",
    "/v1/exports/",
    "/v3/memories/search/",
];

#[tokio::test]
async fn credentials_come_before_everything_else() {
    let app = App::with(&format!("[api]\nauth_failures_per_minute = 10000\n{MAIN}")).await;
    for path in PATHS {
        for method in ["DELETE", "GET", "PATCH", "TRACE", "OPTIONS", "HEAD", "BREW"] {
            for who in ["", "nobody"] {
                let answer = send(&app, who, method, path, Some("text/plain"), "{").await;
                assert_eq!(answer.status, 401, "{method} {path}");
                assert!(answer.headers.contains_key("www-authenticate"), "{method} {path}");
                // The answer to HEAD has no body.
                if method != "HEAD" {
                    shaped(path, &answer);
                }
            }
        }
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_path_that_can_be_read_is_answered_in_its_systems_shape_however_long_it_is() {
    let app = one_target().await;
    // The HTTP library reads at most 65,534 characters.
    for length in [1_100, 20_000, 65_500] {
        for (root, rest) in [
            ("/memories/", ""),
            ("/api/v1/memories/", "?user_id=ana"),
            ("/api/memories/", ""),
            ("/v1/memories/", "/"),
            ("/v2/entities/user/", "/"),
        ] {
            let path = format!("{root}{}{rest}", "x".repeat(length - root.len() - rest.len()));
            let answer = delete(&app, "root", &path).await;
            assert!(
                [400, 422].contains(&answer.status.as_u16()),
                "{root} {length}: {}",
                answer.status
            );
            shaped(root, &answer);
            let unproven = delete(&app, "", &path).await;
            assert_eq!(unproven.status, 401, "{root} {length}");
            shaped(root, &unproven);
        }
        let query = format!("/memories/a?user_id={}", "x".repeat(length - 30));
        let answer = delete(&app, "root", &query).await;
        assert_eq!(answer.status, 422, "{length}");
        shaped("/memories", &answer);
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_method_that_is_not_there_names_those_that_are() {
    let app = one_target().await;
    for (path, allowed) in [
        ("/memories", "DELETE"),
        ("/memories/a/", "DELETE"),
        ("/api/v1/memories/a", "DELETE"),
        ("/api/memories/a", "DELETE"),
        ("/v1/memories/a", "DELETE"),
        ("/v1/ping/", "GET,HEAD"),
    ] {
        let answer = send(&app, "root", "PATCH", path, None, Body::empty()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.headers["allow"].to_str().ok()),
            (405, Some(allowed)),
            "{path}"
        );
        shaped(path, &answer);
    }
    for path in [
        "/memories/a/b/c",
        "/v1/memories/a/b",
        "/v2/entities/user",
        "/v3/memories/",
    ] {
        let answer = delete(&app, "root", path).await;
        assert_eq!(answer.status, 404, "{path}");
        shaped(path, &answer);
    }
}

#[tokio::test]
async fn what_has_not_ended_is_answered_with_the_job() {
    let app = one_target().await;
    for path in [
        "/memories/a",
        "/memories/a/?user_id=ana",
        "/api/v1/memories/a?user_id=ana",
        "/api/memories/a",
        "/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/",
    ] {
        delete(&app, "root", path).await.job();
    }
    bulk(&app, "/memories", r#"{"memory_ids": ["a", "b"]}"#).await.job();
    let preferring = request("root", "DELETE", "/memories/a").header("prefer", "respond-async");
    let answer = app.send(preferring.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.headers["preference-applied"], "respond-async");
    answer.job();
}

#[tokio::test]
async fn a_wait_that_there_was_no_room_for_is_not_said_to_be_heeded() {
    let app = App::with(&format!("api.max_streams = 1\n{MAIN}")).await;
    let wait = async || {
        let waiting = request("root", "DELETE", "/memories/a").header("prefer", "wait=1");
        app.send(waiting.body(Body::empty()).expect("a request")).await
    };
    let answer = wait().await;
    assert_eq!(answer.headers["preference-applied"], "wait=1");
    let watch = request("root", "GET", &format!("/v1/jobs/{}/events", answer.job()));
    let watch = watch.body(Body::empty()).expect("a request");
    let watching = app.router.clone().oneshot(watch).await.expect("the router never fails");
    assert_eq!(watching.status(), 200);
    let answer = wait().await;
    answer.job();
    assert!(!answer.headers.contains_key("preference-applied"));
    drop(watching);
}

#[tokio::test]
async fn what_is_wrong_is_called_as_the_system_calls_it() {
    let app = App::with(&format!("api.max_id_length = 3\napi.max_ids_per_request = 2\n{MAIN}")).await;
    let detail = |answer: Answer| answer.body["detail"].as_str().unwrap_or_default().to_owned();
    let long = detail(delete(&app, "root", "/memories/long").await);
    assert!(long.starts_with("`memory_id`: "), "{long}");
    let long = detail(bulk(&app, "/memories", r#"{"memory_ids": ["a", "long"]}"#).await);
    assert!(long.starts_with("`memory_ids[1]`: "), "{long}");
    let many = detail(bulk(&app, "/memories", r#"{"memory_ids": ["a", "b", "c"]}"#).await);
    assert!(many.starts_with("`memory_ids`: "), "{many}");
    let owner = detail(delete(&app, "root", "/memories/a?user_id=long").await);
    assert!(owner.starts_with("`user_id`: "), "{owner}");
    let mielto = delete(&app, "root", "/api/v1/memories/long?user_id=ana").await;
    let wrong = &mielto.body["detail"][0];
    assert_eq!(wrong["loc"], json!(["path", "memory_id"]));
    assert!(
        wrong["msg"]
            .as_str()
            .is_some_and(|msg| msg.starts_with("`memory_id`: ")),
        "{wrong}"
    );
    let mem0 = delete(&app, "root", "/v1/memories/?agent_id=long").await;
    assert!(
        mem0.body["error"]
            .as_str()
            .is_some_and(|error| error.starts_with("`agent_id`: ")),
        "{}",
        mem0.text
    );
}

#[tokio::test]
async fn a_key_that_may_erase_only_for_a_named_owner_has_to_name_one() {
    let app = one_target().await;
    let agno = delete(&app, "owner", "/memories/a").await;
    assert_eq!(
        (agno.status.as_u16(), &agno.body["error_code"]),
        (400, &json!("BAD_REQUEST"))
    );
    delete(&app, "owner", "/memories/a?user_id=ana").await.job();
    let mielto = delete(&app, "owner", "/api/v1/memories/a").await;
    assert_eq!(mielto.body["detail"][0]["loc"], json!(["query", "user_id"]));
    delete(&app, "owner", "/api/v1/memories/a?user_id=ana").await.job();
    for path in ["/api/memories/a", "/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/"] {
        let answer = delete(&app, "owner", path).await;
        assert_eq!(answer.status, 403, "{path}");
        shaped(path, &answer);
    }
    for path in [
        "/memories/a?user_id=a",
        "/api/v1/memories/a?user_id=a",
        "/api/memories/a",
        "/v1/memories/?user_id=a",
    ] {
        let answer = delete(&app, "reader", path).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        shaped(path, &answer);
    }
}

#[tokio::test]
async fn a_ledger_that_is_away_is_said_in_each_systems_words() {
    let app = one_target().await;
    app.ledger.close().await;
    for path in [
        "/memories/a",
        "/api/v1/memories/a?user_id=ana",
        "/api/memories/a",
        "/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/",
        "/v1/memories/?user_id=ana",
    ] {
        let answer = delete(&app, "root", path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.headers.contains_key("retry-after"), "{path}");
        assert!(!answer.text.contains("idempotency"), "{path}: {}", answer.text);
        shaped(path, &answer);
    }
}
