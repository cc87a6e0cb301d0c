//! Refusals of pages from other origins, and the headers that browsers read.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::app::{Answer, App, MAIN, request};

const BY_QUERY: &str = "/memories/_delete_by_query?wait_for_completion=false";

async fn app() -> App {
    App::with(&format!(
        "[api.cors]\norigins = [\"https://app.example\"]\n[compat]\nwait = \"0s\"\n{MAIN}"
    ))
    .await
}

/// Sends a browser's request for a page: with stored credentials, and with headers that the page cannot write.
async fn sent(app: &App, path: &str, kind: Option<&str>, headers: &[(&str, &str)], body: &str) -> Answer {
    let credentials = BASE64_STANDARD.encode("root:key-of-root");
    let request = Request::post(path)
        .header("host", "lethe.example")
        .header("authorization", format!("Basic {credentials}"));
    let kind = kind.map(|kind| ("content-type", kind));
    let headers = headers.iter().copied().chain(kind);
    let request = headers.fold(request, |request, (name, value)| request.header(name, value));
    app.send(request.body(Body::from(body.to_owned())).expect("a request"))
        .await
}

#[tokio::test]
async fn a_page_of_another_origin_erases_nothing() {
    let app = app().await;
    let query = r#"{"query": {"ids": {"values": ["a"]}}}"#;
    let json = Some("application/json");
    for headers in [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://other.lethe.example"),
        ],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        let answer = sent(&app, BY_QUERY, json, headers, query).await;
        assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text);
        assert_eq!(answer.body["status"], 403, "in OpenSearch's words: {}", answer.text);
        assert!(answer.text.contains("api.cors.origins"), "{}", answer.text);
    }
    // A form sends no JSON, and a request without a type needs no preflight.
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let answer = sent(&app, BY_QUERY, kind, &[], query).await;
        assert_eq!(answer.status, 406, "{kind:?}: {}", answer.text);
        let mut request = request("root", "POST", "/v1/jobs");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let body = Body::from(r#"{"select": {"ids": ["1"]}}"#);
        let answer = app.send(request.body(body).expect("a request")).await;
        assert_eq!(answer.status, 415, "{kind:?}: {}", answer.text);
    }
    assert_eq!(app.count().await, 0);

    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://lethe.example")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")],
    ] {
        let answer = sent(&app, BY_QUERY, json, headers, query).await;
        assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text);
    }
    assert_eq!(app.count().await, 3);
}

#[tokio::test]
async fn every_answer_says_what_it_may_be_used_for() {
    let app = app().await;
    for (who, path) in [
        ("root", "/v1/jobs"),
        ("", "/v1/jobs"),
        ("root", "/no/such/path"),
        ("root", "/memories"),
        ("", "/livez"),
        ("", "/openapi.json"),
    ] {
        let answer = app.get(who, path).await;
        let header = |name| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        let policy = header("content-security-policy");
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'", "{path}");
    }
    let page = app.get("", "/docs/").await;
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(page.status == 200 && policy.contains("script-src 'self';"), "{policy}");
    assert!(
        !page.text.contains("<script>"),
        "the page has no script of its own: {}",
        page.text
    );
}
