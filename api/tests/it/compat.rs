//! Answers to other systems' clients, in these systems' own shapes.

mod bodies;
mod cross_origin;
mod opensearch;
mod probes;
mod repeating;
mod shapes;
mod systems;
mod words;

use axum::body::Body;

use crate::app::{Answer, App, MAIN, request};

/// A second target beside that of most tests. Requests do not wait, since no worker runs here.
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

/// Asserts that an error has the shape of the path's system.
#[track_caller]
fn shaped(path: &str, answer: &Answer) {
    assert_eq!(answer.headers["content-type"], "application/json", "{path}");
    assert!(answer.headers.contains_key("x-request-id"), "{path}");
    let body = answer
        .body
        .as_object()
        .unwrap_or_else(|| panic!("{path}: {}", answer.text));
    let keys: Vec<&str> = body.keys().map(String::as_str).collect();
    let agnos = ["/memories", "/memory_", "/user_memory", "/optimize"];
    let text = if agnos.iter().any(|root| path.starts_with(root)) {
        assert!(body["error_code"].is_string(), "{path}: {}", answer.text);
        "detail"
    } else if path.starts_with("/api/v1") && !path.starts_with("/api/v1/orgs") {
        assert_eq!(keys, ["detail"], "{path}");
        if answer.status == 422 {
            let first = &body["detail"][0];
            assert!(first["loc"].is_array() && first["msg"].is_string() && first["type"].is_string());
            return;
        }
        "detail"
    } else if path.starts_with("/api") && !path.starts_with("/api/v1/orgs") {
        assert_eq!(keys, ["error"], "{path}");
        "error"
    } else {
        assert_eq!(body["error"], body["detail"], "{path}");
        assert_eq!(keys.len(), 2, "{path}: {keys:?}");
        "error"
    };
    assert!(
        body[text].as_str().is_some_and(|text| !text.is_empty()),
        "{path}: {}",
        answer.text
    );
}
