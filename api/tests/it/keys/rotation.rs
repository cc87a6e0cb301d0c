//! Giving a key another secret: both secrets work for the overlap, with the same rights.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use lethe_common::clock::Clock;
use serde_json::{Value, json};

use super::{delete, made};
use crate::accepting::claim;
use crate::app::{Answer, App};

const PATH: &str = "/v1/keys/nightly/rotate";

async fn rotate(app: &App, who: &str, body: &Value) -> Answer {
    app.send_json(who, "POST", PATH, body).await
}

/// Gives the key another secret, and returns it.
async fn rotated(app: &App, asked: &Value) -> String {
    let answer = rotate(app, "root", asked).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["key"].as_str().expect("a key").to_owned()
}

/// Returns the status of a request with each secret.
async fn statuses<const N: usize>(app: &App, secrets: [&str; N]) -> [u16; N] {
    let mut statuses = [0; N];
    for (status, secret) in statuses.iter_mut().zip(secrets) {
        *status = app.get(secret, "/v1/jobs").await.status.as_u16();
    }
    statuses
}

/// Returns the time when the older secret of the only key stops, as the list has it.
async fn listed(app: &App) -> Value {
    app.get("root", "/v1/keys").await.body["keys"][0]["previous_secret_ends_at"].clone()
}

async fn nightly(app: &App) -> String {
    made(
        app,
        &json!({"name": "nightly", "scopes": ["memories:delete"], "user": "ana", "workspaces": ["w"]}),
    )
    .await
}

#[tokio::test]
async fn both_secrets_of_a_rotated_key_have_its_rights() {
    let app = App::new().await;
    let first = nightly(&app).await;
    assert_eq!(listed(&app).await, Value::Null);
    // The first secret is in the cache of known keys.
    assert_eq!(statuses(&app, [&first]).await, [200]);
    let before = app.get("root", "/v1/keys").await.body["keys"][0].clone();
    let answer = app.post("root", PATH).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["cache-control"]),
        (200, &"no-store".parse().unwrap()),
        "{}",
        answer.text
    );
    let second = answer.body["key"].as_str().expect("a key").to_owned();
    assert!(second.starts_with("lethe_") && second.len() == 70 && second != first);
    for field in [
        "name",
        "scopes",
        "user",
        "workspaces",
        "targets",
        "created_at",
        "created_by",
    ] {
        assert_eq!(answer.body[field], before[field], "{field}");
    }
    // A day, unless the request says otherwise.
    let ends = answer.body["previous_secret_ends_at"].as_str().expect("a time");
    let ends: Timestamp = ends.parse().expect("a time");
    let day = Clock::system().now() + SignedDuration::from_hours(24);
    assert!((ends.as_second() - day.as_second()).abs() < 60, "{ends}");
    let list = app.get("root", "/v1/keys").await;
    assert_eq!(
        list.body["keys"][0]["previous_secret_ends_at"],
        answer.body["previous_secret_ends_at"]
    );
    assert!(!list.text.contains(&first) && !list.text.contains(&second));

    for secret in [&first, &second] {
        app.create(secret, &json!({"select": {"ids": ["a"]}})).await.job();
        let leases = claim(&app).await;
        let facts = &leases[0].job;
        assert_eq!(
            (facts.owner.as_deref(), facts.workspace.as_deref()),
            (Some("ana"), Some("w"))
        );
        app.post(secret, "/v1/pause").await.refused(403, "forbidden", "");
    }
    // Both secrets are one caller: it sees what it did with the other one.
    let jobs = app.get(&second, "/v1/jobs").await.body["jobs"].clone();
    assert_eq!(jobs.as_array().expect("a list").len(), 2);
    assert_eq!(delete(&app, "root", "nightly").await.status, 204);
    assert_eq!(statuses(&app, [&first, &second]).await, [401, 401]);
}

#[tokio::test]
async fn an_older_secret_stops_after_the_overlap_or_when_a_rotation_says_so() {
    let app = App::new().await;
    let first = nightly(&app).await;
    let second = rotated(&app, &json!({"overlap": "30d"})).await;
    assert_eq!(statuses(&app, [&first, &second]).await, [200, 200]);
    let third = rotated(&app, &json!({"overlap": "1h", "ends": "older"})).await;
    assert_eq!(statuses(&app, [&first, &second, &third]).await, [401, 200, 200]);
    let fourth = rotated(&app, &json!({"overlap": "0"})).await;
    assert_eq!(statuses(&app, [&second, &third, &fourth]).await, [401, 401, 200]);
    assert_eq!(listed(&app).await, Value::Null);

    let fifth = rotated(&app, &json!({"overlap": "300ms"})).await;
    // The cache keeps no secret for longer than it is valid.
    let start = Instant::now();
    while statuses(&app, [&fourth]).await != [401] {
        assert!(start.elapsed().as_secs() < 30, "it still works");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.get(&fourth, "/v1/jobs")
        .await
        .refused(401, "unauthorized", "has expired");
    assert_eq!(statuses(&app, [&fifth]).await, [200]);
    assert_eq!(listed(&app).await, Value::Null);
}

#[tokio::test]
async fn a_rotation_whose_answer_was_lost_leaves_the_secret_in_use() {
    let app = App::new().await;
    let first = nightly(&app).await;
    // Nobody receives this secret.
    let lost = rotated(&app, &json!({})).await;
    let ends = listed(&app).await;
    let ends = ends.as_str().expect("a time");
    for asked in [json!({}), json!({"overlap": "7d"})] {
        let answer = rotate(&app, "root", &asked).await;
        answer.refused(409, "secrets-overlap", ends);
    }
    app.post("root", PATH).await.refused(409, "secrets-overlap", "`ends`");
    assert_eq!(statuses(&app, [&first, &lost]).await, [200, 200]);
    let second = rotated(&app, &json!({"ends": "newer"})).await;
    assert_eq!(statuses(&app, [&first, &lost, &second]).await, [200, 401, 200]);
    let newest = rotated(&app, &json!({"overlap": "0"})).await;
    assert_eq!(statuses(&app, [&first, &second, &newest]).await, [401, 401, 200]);
    for ends in ["older", "newer"] {
        let answer = rotate(&app, "root", &json!({"ends": ends})).await;
        answer.refused(409, "secrets-overlap", "one secret");
    }
}

#[tokio::test]
async fn a_rotation_needs_no_body() {
    let document = App::new().await.get("", "/openapi.json").await.body;
    let body = &document["paths"]["/v1/keys/{name}/rotate"]["post"]["requestBody"];
    assert!(body["content"]["application/json"]["schema"].is_object(), "{body}");
    assert_ne!(body["required"], true, "{body}");
}

#[tokio::test]
async fn a_rotation_that_makes_no_sense_is_refused() {
    let app = App::new().await;
    rotate(&app, "root", &json!({}))
        .await
        .refused(404, "not-found", "no valid key that Lethe made");
    let first = nightly(&app).await;
    for (body, says) in [
        (json!({"overlap": "31d"}), "`overlap`: write a time of at most `30d`"),
        (json!({"overlap": "-1h"}), "`overlap`"),
        (json!({"overlap": 24}), "`overlap`"),
        (json!({"overlap": null}), "`overlap`"),
        (json!({"ends": "both"}), "`ends`: write `older` or `newer`"),
        (json!({"ends": null}), "`ends`"),
        (json!({"scopes": ["admin"]}), "`scopes`"),
    ] {
        rotate(&app, "root", &body).await.refused(422, "invalid", says);
    }
    for who in ["operator", "eraser", first.as_str()] {
        rotate(&app, who, &json!({})).await.refused(403, "forbidden", "`admin`");
    }
    for name in ["root", "No%00Name", "other"] {
        app.post("root", &format!("/v1/keys/{name}/rotate"))
            .await
            .refused(404, "not-found", "");
    }
    assert_eq!(statuses(&app, [&first]).await, [200], "nothing was rotated");
    assert_eq!(listed(&app).await, Value::Null);
}
