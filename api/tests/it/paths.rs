//! Paths with `/` and `.` in all encodings: a part of a path is decoded once, and leads to no other route.

use axum::body::Body;
use lethe_common::ledger::AuditFilter;

use crate::app::{App, MAIN, key};

/// Ways to write a dot: plain, encoded once or twice, in overlong UTF-8, and characters that look like it.
static DOTS: [&str; 10] = [
    ".",
    "%2e",
    "%2E",
    "%252e",
    "%25%32%65",
    "%c0%ae",
    "%e0%80%ae",
    "%u002e",
    "%ef%bc%8e",
    "%e2%80%a4",
];

/// Ways to write a slash, or a backslash.
static SLASHES: [&str; 13] = [
    "/",
    "//",
    "/./",
    "%2f",
    "%2F",
    "%252f",
    "%25%32%66",
    "%5c",
    "%255c",
    "%c0%af",
    "%e0%80%af",
    "%ef%bc%8f",
    "%00/",
];

/// Returns ways to write `../`.
fn ups() -> Vec<String> {
    let pairs = DOTS
        .iter()
        .flat_map(|one| DOTS[..3].iter().map(move |other| format!("{one}{other}")));
    let all: Vec<String> = pairs
        .flat_map(|dots| SLASHES.iter().map(move |slash| format!("{dots}{slash}")))
        .collect();
    assert!(all.len() > 100, "only {}", all.len());
    all
}

async fn send(app: &App, who: &str, method: &str, path: &str) -> u16 {
    let mut request = axum::http::Request::builder().method(method).uri(path);
    if !who.is_empty() {
        request = request.header("authorization", format!("Bearer {}", key(who)));
    }
    let request = request.body(Body::empty()).unwrap_or_else(|_| panic!("{path}"));
    app.send(request).await.status.as_u16()
}

#[tokio::test]
async fn no_way_up_leads_to_another_route() {
    let app = App::with(&format!("api.requests_per_second = 1000000\n{MAIN}")).await;
    for up in ups() {
        for (method, path) in [
            ("POST", format!("/v1/schedules/{up}pause")),
            ("POST", format!("/v1/jobs/{up}pause")),
            ("POST", format!("/v1/targets/{up}pause")),
            ("POST", format!("/v1/targets/main/{up}{up}pause")),
            ("POST", format!("/livez/{up}v1/pause")),
            ("DELETE", format!("/v1/keys/{up}keys/x")),
        ] {
            let status = send(&app, "root", method, &path).await;
            assert!((400..500).contains(&status), "{method} {path}: {status}");
        }
        // Pages without credentials.
        for open in ["/livez", "/docs", "/problems", "/openapi.json"] {
            let path = format!("{open}/{up}v1/keys");
            let status = send(&app, "", "GET", &path).await;
            assert!((400..500).contains(&status), "{path}: {status}");
        }
    }
    let all = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let done = app.ledger.audit(&all).await.expect("the ledger answers");
    assert!(done.is_empty(), "{done:#?}");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_part_of_a_path_is_an_id_or_refused_and_never_two_parts() {
    let app = App::with(&format!("[compat]\nwait = \"0s\"\n{MAIN}")).await;
    let mut accepted = 0;
    for up in ups() {
        let path = format!("/memories/{up}x");
        let status = send(&app, "eraser", "DELETE", &path).await;
        // A plain slash begins another part, and Agno has no such route.
        let may_be_id = !up.ends_with('/');
        assert!(
            status == 202 && may_be_id || (400..500).contains(&status),
            "{path}: {status}"
        );
        accepted += usize::from(status == 202);
    }
    assert!(accepted > 0);
    let listed = app.get("root", "/v1/jobs?limit=200").await;
    let jobs = listed.body["jobs"].as_array().expect("a list");
    assert!(!jobs.is_empty() && jobs.len() <= accepted, "{}", listed.text);
    // Each job is about one id.
    assert!(jobs.iter().all(|job| job["selected"] == 1), "{}", listed.text);
}
