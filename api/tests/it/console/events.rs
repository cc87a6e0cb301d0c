//! The events of pages: they say that something changed, and nothing else.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use futures::StreamExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use super::browser::Browser;
use crate::app::{App, request};

/// Longer than any correct run takes.
const PATIENCE: Duration = Duration::from_secs(30);

async fn open(app: &App, browser: &Browser<'_>, path: &str) -> BodyDataStream {
    let request = request("", "GET", path)
        .header("host", "127.0.0.1:7878")
        .header("cookie", &browser.cookie);
    let request = request.body(Body::empty()).expect("a request");
    let response = app
        .router
        .clone()
        .oneshot(request)
        .await
        .expect("the router never fails");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

/// Returns the next part of a stream that is no comment, or `None` at its end.
async fn next(stream: &mut BodyDataStream) -> Option<String> {
    loop {
        let part = tokio::time::timeout(PATIENCE, stream.next())
            .await
            .expect("an event or the end")?;
        let text = String::from_utf8(part.expect("streams do not break").to_vec()).expect("a text");
        if !text.starts_with(':') {
            return Some(text);
        }
    }
}

/// Returns the path of the events of a page.
async fn path(browser: &Browser<'_>, page: &str) -> String {
    let page = browser.get(page).await;
    let (_, rest) = page.text.split_once("data-events=\"").expect("a path");
    rest.split('"').next().expect("a value").to_owned()
}

#[tokio::test]
async fn the_page_of_a_job_hears_of_its_changes_until_its_end() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let browser = Browser::signed_in(&app, "eraser").await;
    let page = format!("/console/jobs/{id}");
    let events = path(&browser, &page).await;
    let mut stream = open(&app, &browser, &events).await;
    app.post("operator", &format!("/v1/jobs/{id}/cancel")).await;
    // The version on the page is not told.
    let event = next(&mut stream).await.expect("an event");
    assert!(event.contains("event: changed"), "{event}");
    assert!(
        !event.contains(&id.to_string()) && !event.contains("cancelled"),
        "{event}"
    );
    assert!(next(&mut stream).await.is_none(), "the job has ended");
    assert_eq!(path(&browser, &page).await, "", "nothing will change");
}

#[tokio::test]
async fn a_list_hears_of_any_change_until_its_session_ends() {
    let app = App::new().await;
    let body = json!({"name": "visitor", "scopes": ["jobs:read"]});
    let made = app.send_json("root", "POST", "/v1/keys", &body).await;
    let browser = Browser::signed_in(&app, made.body["key"].as_str().expect("a key")).await;
    let events = path(&browser, "/console/jobs").await;
    let mut stream = open(&app, &browser, &events).await;
    let id = app.accepted("eraser").await;
    let event = next(&mut stream).await.expect("an event");
    assert!(
        event.contains("event: changed") && !event.contains(&id.to_string()),
        "{event}"
    );
    let revoked = request("root", "DELETE", "/v1/keys/visitor").body(Body::empty());
    assert_eq!(app.send(revoked.expect("a request")).await.status, 204);
    assert!(next(&mut stream).await.is_none());
}

#[tokio::test]
async fn events_need_a_session() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    for path in ["/console/events".to_owned(), format!("/console/jobs/{id}/events")] {
        assert_eq!(Browser::new(&app).get(&path).await.status, 303, "{path}");
    }
    // Another caller's job is one that does not exist.
    let other = Browser::signed_in(&app, "owner").await;
    let page = other.get(&format!("/console/jobs/{id}/events")).await;
    assert_eq!(page.status, 404);
}
