//! Server-sent events.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{StatusCode, header};
use futures::StreamExt;
use lethe_common::job::JobId;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{App, MAIN, request};

/// A stream of events being read.
struct Events(BodyDataStream, String);

/// Longer than any correct run takes.
const PATIENCE: Duration = Duration::from_secs(30);

impl Events {
    async fn of(app: &App, id: JobId, last: Option<&str>) -> Self {
        Self::seen_by("eraser", app, id, last).await
    }

    async fn seen_by(who: &str, app: &App, id: JobId, last: Option<&str>) -> Self {
        let mut request = request(who, "GET", &format!("/v1/jobs/{id}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = app
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("the router never fails");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self(response.into_body().into_data_stream(), String::new())
    }

    /// Returns the id and the job of the next event, or `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name))?;
                    Some(line.trim().to_owned())
                };
                let read = (field("event:"), field("id:"), field("data:"));
                let read_up_to = self.1.len() - rest.len();
                self.1.drain(..read_up_to);
                let (Some(kind), Some(id), Some(data)) = read else {
                    continue;
                };
                assert_eq!(kind, "job");
                return Some((id, serde_json::from_str(&data).expect("a job")));
            }
            let part = tokio::time::timeout(PATIENCE, self.0.next())
                .await
                .expect("an event or the end")?;
            let part = part.expect("streams do not break");
            self.1.push_str(std::str::from_utf8(&part).expect("a text"));
        }
    }
}

#[tokio::test]
async fn a_job_is_told_at_once_and_when_it_changes_until_its_end() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let mut events = Events::of(&app, id, None).await;
    let (first, job) = events.next().await.expect("an event");
    assert_eq!(
        (job["state"].as_str(), job["version"].to_string()),
        (Some("queued"), first.clone())
    );
    app.post("operator", &format!("/v1/jobs/{id}/cancel")).await;
    let (second, job) = events.next().await.expect("an event");
    assert_eq!(job["state"], "cancelled");
    assert_ne!(first, second);
    assert!(events.next().await.is_none(), "the job has ended");
}

#[tokio::test]
async fn a_change_without_a_ring_is_found_all_the_same() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let mut events = Events::of(&app, id, None).await;
    events.next().await.expect("an event");
    app.ledger
        .cancel(id, &crate::app::tester())
        .await
        .expect("the ledger answers");
    assert_eq!(events.next().await.expect("an event").1["state"], "cancelled");
}

#[tokio::test]
async fn a_pause_is_told_though_it_changes_no_job() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let mut events = Events::of(&app, id, None).await;
    let (first, job) = events.next().await.expect("an event");
    assert_eq!(job["waits_for"]["reason"], "worker");
    app.post("operator", "/v1/targets/main/pause").await;
    let (second, job) = events.next().await.expect("an event");
    assert_eq!(job["waits_for"]["reason"], "pause");
    assert_eq!(first, second, "the version is the same");
}

#[tokio::test]
async fn what_was_seen_is_skipped() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let (first, _) = Events::of(&app, id, None).await.next().await.expect("an event");
    let mut again = Events::of(&app, id, Some(&first)).await;
    app.post("operator", &format!("/v1/jobs/{id}/cancel")).await;
    let (last, job) = again.next().await.expect("an event");
    assert_eq!(job["state"], "cancelled");
    // An id that no listener can have seen starts with the present state.
    let (told, _) = Events::of(&app, id, Some("999")).await.next().await.expect("an event");
    assert_eq!(told, last);
    // The listener has seen the end, and no event will follow.
    let path = format!("/v1/jobs/{id}/events");
    let request = request("eraser", "GET", &path)
        .header("last-event-id", &last)
        .body(Body::empty());
    assert_eq!(
        app.send(request.expect("a request")).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn streams_are_bounded_and_a_wait_does_without() {
    let app = App::with(&format!("api.max_streams = 1\n{MAIN}")).await;
    let id = app.accepted("eraser").await;
    let stream = Events::of(&app, id, None).await;
    let path = format!("/v1/jobs/{id}/events");
    let answer = app.get("eraser", &path).await;
    answer.refused(429, "too-many-streams", "");
    assert_eq!(answer.headers["retry-after"], "10");
    let asked = serde_json::json!({"select": {"ids": ["a"]}});
    let answer = app.create_with("eraser", &asked, &[("prefer", "wait=60")]).await;
    answer.job();
    assert!(!answer.headers.contains_key("preference-applied"));
    drop(stream);
    Events::of(&app, id, None).await.next().await.expect("an event");
}

#[tokio::test]
async fn a_stream_ends_with_the_credentials_that_opened_it() {
    let app = App::with(&format!("api.auth_failures_per_minute = 2\n{MAIN}")).await;
    let asked = json!({"name": "brief", "scopes": ["memories:delete:any"]});
    let answer = app.send_json("root", "POST", "/v1/keys", &asked).await;
    let key = answer.body["key"].as_str().expect("a key").to_owned();
    let id = app.create(&key, &json!({"select": {"ids": ["a"]}})).await.job();
    let mut events = Events::seen_by(&key, &app, id, None).await;
    events.next().await.expect("an event");

    // Failed attempts use up the rate limit of the listener's address.
    for n in 0..2 {
        assert_eq!(app.get(&format!("guess-{n}"), "/v1/jobs").await.status, 401);
    }
    assert_eq!(app.get("guess-2", "/v1/jobs").await.status, 429);
    let request = request("root", "DELETE", "/v1/keys/brief").body(Body::empty());
    app.send(request.expect("a request")).await;
    assert_eq!(events.next().await, None);
}
