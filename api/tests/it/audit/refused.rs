//! Acts that are refused for lack of rights: each leaves an event, and no caller fills the trail with them.

use axum::body::Body;
use lethe_common::config::{Bounds, KeyHash};
use lethe_common::ledger::{Act, AuditEvent, Effect, KeyRecord};
use serde_json::{Value, json};

use super::{AJob, ALL, An, Nothing, Things, schedule, trail};
use crate::app::{App, MAIN, key, request, tester};

/// Stores a key that sees jobs and schedules, and may change nothing.
async fn weak(app: &App, name: &str, expires_at: Option<i64>) {
    let record = KeyRecord {
        name: name.to_owned(),
        sha256: KeyHash::of(&key(name)).to_string(),
        scopes: vec!["jobs:read".to_owned()],
        bounds: Bounds::default(),
        expires_at,
    };
    let made = app.ledger.add_key(&record, &tester()).await;
    assert!(made.expect("the ledger answers").is_some());
}

/// Returns the refusals in the trail, the newest first.
async fn refusals(app: &App) -> Vec<AuditEvent> {
    let mut all = trail(app).await;
    all.retain(|event| event.effect == Effect::Refused);
    all
}

/// Sends a request without a body, such as a deletion.
async fn send(app: &App, who: &str, method: &str, path: &str) -> u16 {
    let request = request(who, method, path).body(Body::empty());
    app.send(request.expect("a request")).await.status.as_u16()
}

#[tokio::test]
async fn a_refused_act_leaves_an_event_and_a_refused_look_none() {
    let things = Things::new().await;
    let app = &things.app;
    let mut left = Vec::new();
    for (n, (operation, leaves)) in ALL.iter().enumerate() {
        if operation.ends_with("/events") {
            continue;
        }
        // Each has a key of its own, which has events of its own.
        let who = format!("weak-{n}");
        weak(app, &who, None).await;
        let before = refusals(app).await.len();
        let answer = things.ask_as(&who, operation).await;
        let mut new = refusals(app).await;
        new.truncate(new.len() - before);
        let is_refused = answer.status == 403;
        let expected = match leaves {
            An(act) if is_refused => vec![*act],
            AJob if is_refused => vec![Act::JobCreate.as_str()],
            An(_) | AJob | Nothing => Vec::new(),
        };
        let acts: Vec<_> = new.iter().map(|event| event.act.as_str()).collect();
        assert_eq!(acts, expected, "{operation}: {}", answer.text);
        for event in &new {
            assert_eq!(event.actor, who, "{operation}");
            assert_eq!(event.request_id.as_deref(), Some("asked-for-this"), "{operation}");
            assert_eq!(event.details["problem"], "forbidden", "{operation}");
            assert_eq!(event.details["times"], 1, "{operation}");
            let said = serde_json::to_string(event).expect("JSON");
            assert!(!said.contains("ana"), "{operation}: {said}");
        }
        left.extend(new.into_iter().map(|event| event.act));
    }
    for act in [
        Act::KeyCreate,
        Act::KeyRotate,
        Act::KeyRevoke,
        Act::KeyList,
        Act::Pause,
        Act::Resume,
        Act::JobCreate,
        Act::JobCancel,
        Act::JobRetry,
        Act::JobThrottle,
        Act::ScheduleCreate,
        Act::ScheduleDelete,
        Act::SchedulePause,
        Act::ScheduleResume,
        Act::HoldPut,
        Act::HoldRelease,
        Act::HoldRead,
        Act::MappingRetire,
        Act::AuditRead,
    ] {
        assert!(left.iter().any(|word| word == act.as_str()), "{act:?}: {left:?}");
    }
}

#[tokio::test]
async fn only_an_object_that_exists_is_named() {
    let things = Things::new().await;
    let app = &things.app;
    let job = things.waiting;
    for (method, path, object) in [
        ("POST", format!("/v1/jobs/{job}/cancel"), format!("job/{job}")),
        ("DELETE", "/v1/keys/x".to_owned(), "key/x".to_owned()),
        ("DELETE", "/v1/keys/root".to_owned(), "key/root".to_owned()),
        ("DELETE", "/v1/keys/ana".to_owned(), "all/*".to_owned()),
        ("DELETE", "/v1/schedules/x".to_owned(), "schedule/x".to_owned()),
        ("DELETE", "/v1/holds/x".to_owned(), "hold/x".to_owned()),
        ("DELETE", "/v1/holds/ana".to_owned(), "all/*".to_owned()),
        ("POST", "/v1/targets/main/pause".to_owned(), "target/main".to_owned()),
        ("POST", "/v1/pause".to_owned(), "all/*".to_owned()),
    ] {
        assert_eq!(send(app, "reader", method, &path).await, 403, "{path}");
        let event = refusals(app).await.remove(0);
        assert_eq!(format!("{}/{}", event.object_type, event.object_id), object, "{path}");
    }
    // The names of a new schedule and of a memory may be a person's. More refusals of the reader are only counted.
    let written = app.send_json("scraper", "PUT", "/v1/schedules/ana", &schedule()).await;
    assert_eq!(written.status, 403, "{}", written.text);
    assert_eq!(send(app, "scraper", "DELETE", "/memories/ana").await, 403);
    let newest = refusals(app).await;
    for (event, act) in newest.iter().zip([Act::JobCreate, Act::ScheduleCreate]) {
        assert_eq!((event.act.as_str(), &*event.object_id), (act.as_str(), "*"));
        assert!(!serde_json::to_string(event).expect("JSON").contains("ana"));
    }
}

#[tokio::test]
async fn a_secret_from_before_two_rotations_names_its_key() {
    let app = App::new().await;
    let body = json!({"name": "nightly", "scopes": ["jobs:read"]});
    let made = app.send_json("root", "POST", "/v1/keys", &body).await;
    let first = made.body["key"].as_str().expect("a key").to_owned();
    for _ in 0..2 {
        let body = json!({"overlap": "0"});
        let rotated = app.send_json("root", "POST", "/v1/keys/nightly/rotate", &body).await;
        assert_eq!(rotated.status, 200, "{}", rotated.text);
    }
    app.post(&first, "/v1/pause").await.refused(401, "unauthorized", "");
    let events = refusals(&app).await;
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!((events[0].actor.as_str(), events[0].act.as_str()), ("nightly", "pause"));
}

#[tokio::test]
async fn a_key_that_is_no_longer_valid_is_named_and_an_unknown_one_is_not() {
    let app = App::with(&format!("api.auth_failures_per_minute = 100\n{MAIN}")).await;
    weak(&app, "expired", Some(1_000)).await;
    weak(&app, "revoked", None).await;
    assert_eq!(app.get("revoked", "/v1/jobs").await.status, 200);
    assert_eq!(send(&app, "root", "DELETE", "/v1/keys/revoked").await, 204);
    for who in ["expired", "revoked"] {
        // The second answer comes from the cache.
        for times in 1..=2 {
            app.post(who, "/v1/pause").await.refused(401, "unauthorized", "");
            let events = refusals(&app).await;
            assert_eq!(events.iter().filter(|event| event.actor == who).count(), times);
            assert_eq!(
                (events[0].act.as_str(), &events[0].details["problem"]),
                ("pause", &json!("unauthorized"))
            );
        }
        app.get(who, "/v1/jobs").await.refused(401, "unauthorized", "");
    }
    let before = refusals(&app).await.len();
    assert_eq!(before, 4, "a look at jobs is no act");
    for who in ["unknown", ""] {
        app.post(who, "/v1/pause").await.refused(401, "unauthorized", "");
    }
    assert_eq!(refusals(&app).await.len(), before);
}

#[tokio::test]
async fn an_expired_key_of_the_configuration_is_named() {
    let hash = KeyHash::of(&key("former"));
    let former = format!(
        "[[auth.key]]\nname = \"former\"\nsha256 = \"{hash}\"\nscopes = [\"admin\"]\nexpires_at = \"2001-01-01T00:00:00Z\"\n"
    );
    let app = App::with(&format!("{MAIN}\n{former}")).await;
    app.post("former", "/v1/pause")
        .await
        .refused(401, "unauthorized", "expired");
    let events = refusals(&app).await;
    assert_eq!((events.len(), events[0].actor.as_str()), (1, "former"));
}

#[tokio::test]
async fn refusals_without_end_fill_no_trail() {
    let app = App::new().await;
    for _ in 0..25 {
        app.post("reader", "/v1/pause").await.refused(403, "forbidden", "");
    }
    assert_eq!(refusals(&app).await.len(), 10);
    app.post("scraper", "/v1/pause").await.refused(403, "forbidden", "");
    let events = refusals(&app).await;
    assert_eq!((events.len(), events[0].actor.as_str()), (11, "scraper"));
}

#[tokio::test]
async fn refusals_are_listed_like_other_events() {
    let app = App::new().await;
    app.post("reader", "/v1/pause").await.refused(403, "forbidden", "");
    let answer = app.get("root", "/v1/audit?actor=reader&act=pause").await;
    let events: &[Value] = answer.body["events"].as_array().expect("events");
    assert_eq!(events.len(), 1, "{}", answer.text);
    assert_eq!(events[0]["effect"], "refused");
    assert_eq!(events[0]["details"], json!({"problem": "forbidden", "times": 1}));
}
