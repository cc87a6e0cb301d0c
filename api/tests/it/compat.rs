//! What other systems' clients are answered, in these systems' own shapes.

use axum::body::Body;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{Answer, App, MAIN, request};

/// A second target beside that of most tests, and no waiting: no worker runs here.
const TWO: &str = r#"
    [[target]]
    name = "other"
    sql = { url = "sqlite://other.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id" }
    [[target.table]]
    name = "notes"
    columns = { id = "id", user = "user_id" }
"#;

async fn one_target() -> App {
    App::with(&format!("[compat]\nwait = \"0s\"\n{MAIN}")).await
}

async fn two_targets() -> App {
    App::with(&format!(
        "[compat]\nwait = \"0s\"\nmem0 = {{ target = \"main\" }}\n{MAIN}{TWO}"
    ))
    .await
}

async fn send(app: &App, who: &str, method: &str, path: &str, kind: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = request(who, method, path);
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    app.send(request.body(body.into()).expect("a request")).await
}

async fn delete(app: &App, who: &str, path: &str) -> Answer {
    send(app, who, "DELETE", path, None, Body::empty()).await
}

async fn bulk(app: &App, path: &str, body: &str) -> Answer {
    send(app, "root", "DELETE", path, Some("application/json"), body.to_owned()).await
}

/// Asserts that an error has the shape of the system to which the path belongs.
#[track_caller]
fn shaped(path: &str, answer: &Answer) {
    assert_eq!(answer.headers["content-type"], "application/json", "{path}");
    assert!(answer.headers.contains_key("x-request-id"), "{path}");
    let body = answer
        .body
        .as_object()
        .unwrap_or_else(|| panic!("{path}: {}", answer.text));
    let keys: Vec<&str> = body.keys().map(String::as_str).collect();
    let text = if path.starts_with("/memories") {
        assert!(body["error_code"].is_string(), "{path}: {}", answer.text);
        "detail"
    } else if path.starts_with("/api/v1") {
        assert_eq!(keys, ["detail"], "{path}");
        if answer.status == 422 {
            let first = &body["detail"][0];
            assert!(first["loc"].is_array() && first["msg"].is_string() && first["type"].is_string());
            return;
        }
        "detail"
    } else {
        assert_eq!(keys, ["error"], "{path}");
        "error"
    };
    assert!(
        body[text].as_str().is_some_and(|text| !text.is_empty()),
        "{path}: {}",
        answer.text
    );
}

const PATHS: [&str; 11] = [
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
];

#[tokio::test]
async fn credentials_come_before_everything_else() {
    let app = App::with(&format!("[api]\nauth_failures_per_minute = 10000\n{MAIN}")).await;
    for path in PATHS {
        for method in ["DELETE", "GET", "PATCH", "TRACE"] {
            for who in ["", "nobody"] {
                let answer = send(&app, who, method, path, Some("text/plain"), "{").await;
                assert_eq!(answer.status, 401, "{method} {path}");
                shaped(path, &answer);
            }
        }
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
    // Of several tables one has to be named.
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
    // Whatever nobody asked for is ignored, as Agno does it.
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
            (400, &json!({"error": error})),
            "{path}"
        );
    }
    let linked = "/v1/memories/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/?delete_linked=true";
    assert_eq!(delete(&app, "root", linked).await.status, 400);
    // What no column is mapped for is refused, not overlooked.
    assert_eq!(
        delete(&app, "root", "/v1/memories/?user_id=a&app_id=b").await.status,
        400
    );
    assert_eq!(delete(&app, "root", "/v1/memories/?user_id=").await.status, 400);
    let unknown = app.get("root", "/v1/event/d23f0824-128b-4f33-8c5c-7fd0a6a3a450/").await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.body),
        (404, &json!({"error": "Event not found!"}))
    );
    // Its client writes the key after another word.
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
        shaped(path, &answer);
    }
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
