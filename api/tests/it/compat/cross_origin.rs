//! Pages of a browser: their preflights, and the answers that they may read.

use axum::body::Body;
use axum::http::{Request, header};

use super::shaped;
use crate::app::{Answer, App, MAIN, request};

const PAGE: &str = "https://app.example.com";

const PATHS: [&str; 9] = [
    "/memories/a",
    "/memories",
    "/api/v1/memories/a",
    "/api/memories/a",
    "/v1/memories/",
    "/v1/batch/",
    "/v2/entities/user/a/",
    "/_plugins/_ml/memory_containers/main/memories/working/a",
    "/v1/jobs",
];

async fn app(origins: &str) -> App {
    App::with(&format!(
        "[api.cors]\norigins = {origins}\n[compat]\nwait = \"0s\"\n{MAIN}"
    ))
    .await
}

async fn options(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut asked = Request::builder().method("OPTIONS").uri(path);
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    app.send(asked.body(Body::empty()).expect("a request")).await
}

fn preflight(origin: &str) -> [(&str, &str); 3] {
    [
        ("origin", origin),
        ("access-control-request-method", "DELETE"),
        ("access-control-request-headers", "authorization,x-workspace-id"),
    ]
}

#[track_caller]
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|value| value.to_str().expect("a text"))
}

#[tokio::test]
async fn a_preflight_of_a_known_page_is_answered_before_credentials_are_asked_for() {
    let app = app(&format!("[\"http://localhost:3000\", \"{PAGE}\"]")).await;
    for path in PATHS {
        let answer = options(&app, path, &preflight(PAGE)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""), "{path}");
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(PAGE), "{path}");
        let methods = header(&answer, "access-control-allow-methods").expect("methods");
        assert!(methods.split(", ").any(|method| method == "DELETE"), "{methods}");
        assert_eq!(
            header(&answer, "access-control-allow-headers"),
            Some("authorization,x-workspace-id")
        );
        assert!(
            !answer.headers.contains_key("access-control-allow-credentials"),
            "{path}"
        );
        assert!(answer.headers.contains_key("x-request-id"), "{path}");
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn no_other_page_and_no_other_request_is_a_preflight() {
    let known = app(&format!("[\"{PAGE}\"]")).await;
    let nobody = app("[]").await;
    let absent = App::with(MAIN).await;
    for path in PATHS.into_iter().filter(|path| *path != "/v1/jobs") {
        for (app, headers) in [
            (&known, &preflight("https://evil.example.com")[..]),
            (&known, &preflight("https://app.example.com.evil.com")),
            (&known, &preflight("http://app.example.com")),
            (&known, &preflight("null")),
            (&known, &preflight(PAGE)[1..]),
            (&known, &preflight(PAGE)[..1]),
            (&known, &[]),
            (&nobody, &preflight(PAGE)),
            (&absent, &preflight(PAGE)),
        ] {
            let answer = options(app, path, headers).await;
            assert_eq!(answer.status, 401, "{path} {headers:?}");
            assert!(
                !answer.headers.contains_key("access-control-allow-methods"),
                "{path} {headers:?}"
            );
            if !path.starts_with("/_") {
                shaped(path, &answer);
            }
        }
    }
    assert_eq!(options(&known, "/v1/jobs", &[]).await.status, 405);
    let every = app("[\"*\"]").await;
    let answer = options(&every, "/memories/a", &preflight("https://any.example.com")).await;
    assert_eq!(
        header(&answer, "access-control-allow-origin"),
        Some("https://any.example.com")
    );
}

#[tokio::test]
async fn a_known_page_may_read_answers_and_refusals_alike() {
    let app = app(&format!("[\"{PAGE}\"]")).await;
    for (who, path, status) in [
        ("root", "/memories/a", 202),
        ("", "/memories/a", 401),
        ("root", "/memories/a?user_id=", 422),
        ("root", "/v3/memories/", 404),
        ("root", "/v1/nothing", 404),
    ] {
        for origin in [Some(PAGE), Some("https://evil.example.com"), None] {
            let mut asked = request(who, "DELETE", path);
            if let Some(origin) = origin {
                asked = asked.header(header::ORIGIN, origin);
            }
            let answer = app.send(asked.body(Body::empty()).expect("a request")).await;
            let is_foreign = origin.is_some_and(|origin| origin != PAGE);
            assert_eq!(answer.status, if is_foreign { 403 } else { status }, "{path}");
            let reads = origin == Some(PAGE);
            assert_eq!(
                header(&answer, "access-control-allow-origin"),
                reads.then_some(PAGE),
                "{path}"
            );
            let exposed = header(&answer, "access-control-expose-headers").unwrap_or_default();
            assert_eq!(exposed.contains("lethe-job"), reads, "{path}");
            assert_eq!(header(&answer, "vary"), Some("origin"), "{path}: no cache mixes pages");
        }
    }
}
