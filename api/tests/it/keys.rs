//! Making, listing and revoking API keys, and the rights of bound and expired keys.

mod rotation;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use lethe_common::clock::Clock;
use lethe_common::config::{Bounds, KeyHash};
use lethe_common::ledger::KeyRecord;
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::{App, MAIN, request};

fn soon() -> Timestamp {
    Clock::system().now() + SignedDuration::from_hours(1)
}

async fn made(app: &App, body: &Value) -> String {
    let answer = app.send_json("root", "POST", "/v1/keys", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["key"].as_str().expect("a key").to_owned()
}

async fn delete(app: &App, who: &str, name: &str) -> crate::app::Answer {
    let path = format!("/v1/keys/{name}");
    app.send(request(who, "DELETE", &path).body(Body::empty()).expect("a request"))
        .await
}

#[tokio::test]
async fn a_key_is_made_shown_once_and_taken_away() {
    let app = App::new().await;
    let at = soon();
    let asked = json!({"name": "nightly", "scopes": ["memories:delete", "jobs:read", "jobs:read"], "user": "ana",
        "workspaces": ["w"], "targets": ["main"], "expires_at": at});
    let answer = app.send_json("root", "POST", "/v1/keys", &asked).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["cache-control"]),
        (201, &"no-store".parse().unwrap())
    );
    let key = answer.body["key"].as_str().expect("a key").to_owned();
    assert!(key.starts_with("lethe_") && key.len() == 70, "{}", key.len());

    let listed = app.get("root", "/v1/keys").await;
    let mut shown = listed.body.clone();
    for varying in ["created_at", "expires_at"] {
        assert!(shown["keys"][0][varying].is_string(), "{varying}");
        shown["keys"][0][varying] = json!("…");
    }
    let _sorted = crate::app::sorted();
    insta::assert_json_snapshot!(shown, @r#"
    {
      "keys": [
        {
          "created_at": "…",
          "created_by": "root",
          "expired": false,
          "expires_at": "…",
          "last_used_at": null,
          "name": "nightly",
          "previous_secret_ends_at": null,
          "scopes": [
            "jobs:read",
            "memories:delete"
          ],
          "targets": [
            "main"
          ],
          "user": "ana",
          "workspaces": [
            "w"
          ]
        }
      ],
      "next": null
    }
    "#);
    let hash = KeyHash::of(&key).to_string();
    assert!(!listed.text.contains(&key) && !listed.text.contains(&hash));

    app.create(&key, &json!({"select": {"ids": ["a"]}})).await.job();
    let leases = claim(&app).await;
    let facts = &leases[0].job;
    assert_eq!(
        (facts.owner.as_deref(), facts.workspace.as_deref()),
        (Some("ana"), Some("w"))
    );

    app.send_json("root", "POST", "/v1/keys", &asked)
        .await
        .refused(409, "name-taken", "another name");
    assert_eq!(delete(&app, "root", "nightly").await.status, 204);
    // The revocation acts at once: no cache keeps the key.
    app.get(&key, "/v1/jobs").await.refused(401, "unauthorized", "API key");
    delete(&app, "root", "nightly").await.refused(404, "not-found", "");
    assert_eq!(app.get("root", "/v1/keys").await.body["keys"], json!([]));
}

#[tokio::test]
async fn keys_are_listed_page_by_page() {
    let app = App::new().await;
    for name in ["c", "a", "b"] {
        made(&app, &json!({"name": name, "scopes": ["jobs:read"]})).await;
    }
    let page = app.get("root", "/v1/keys?limit=2").await.body;
    assert_eq!(
        (&page["keys"][0]["name"], &page["keys"][1]["name"], &page["next"]),
        (&json!("a"), &json!("b"), &json!("b"))
    );
    let page = app.get("root", "/v1/keys?limit=2&after=b").await.body;
    assert_eq!((&page["keys"][0]["name"], &page["next"]), (&json!("c"), &json!(null)));
    for (query, field) in [
        ("limit=0", "`limit`"),
        ("after=%00", "`after`"),
        ("after=", "`after`"),
        ("name=a", "`name`"),
    ] {
        app.get("root", &format!("/v1/keys?{query}"))
            .await
            .refused(422, "invalid", field);
    }
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_refused() {
    let app = App::new().await;
    let with = |name: &str, value: Value| {
        let mut body = json!({"name": "k", "scopes": ["jobs:read"]});
        body[name] = value;
        body
    };
    for (body, says) in [
        (with("name", json!("Ops")), "`name`: write 1 to 64"),
        (with("name", json!("jwt:a:b")), "`name`: write 1 to 64"),
        (
            with("scopes", json!([])),
            "`scopes`: write at least one of memories:delete",
        ),
        (with("scopes", json!(["everything"])), "`scopes`"),
        (with("user", json!("")), "`user`"),
        (with("user", json!(null)), "`user`: write a string"),
        (with("workspaces", json!([])), "`workspaces`: write at least one"),
        (with("workspaces", json!(["a\0"])), "`workspaces`"),
        (with("targets", json!(["elsewhere"])), "`targets`: write names that"),
        (
            with("expires_at", json!("2001-01-01T00:00:00Z")),
            "`expires_at`: write a future time",
        ),
        (with("expires_at", json!("90d")), "`expires_at`"),
        (with("colour", json!(1)), "`colour`: unknown field"),
    ] {
        app.send_json("root", "POST", "/v1/keys", &body)
            .await
            .refused(422, "invalid", says);
    }
    app.send_json(
        "root",
        "POST",
        "/v1/keys",
        &json!({"name": "eraser", "scopes": ["admin"]}),
    )
    .await
    .refused(409, "name-taken", "");
    app.create_raw("root", "application/json", &[], "{")
        .await
        .refused(400, "malformed", "");
    let plain = request("root", "POST", "/v1/keys")
        .body("{}".into())
        .expect("a request");
    app.send(plain).await.refused(415, "media-type", "application/json");
    let long = with("user", json!("x".repeat(70_000)));
    app.send_json("root", "POST", "/v1/keys", &long)
        .await
        .refused(413, "too-large", "65536 bytes");
    assert_eq!(app.get("root", "/v1/keys").await.body["keys"], json!([]));
}

#[tokio::test]
async fn the_body_of_a_refused_key_is_read_to_its_end() {
    let app = App::new().await;
    for (who, path, status) in [
        ("root", "/v1/keys", 415),
        ("root", "/v1/keys/k/rotate", 415),
        ("eraser", "/v1/keys", 403),
    ] {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        let parts = stream::iter(0..4).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            std::io::Result::Ok("x".repeat(1_000))
        });
        let request = request(who, "POST", path).body(Body::from_stream(parts));
        let answer = app.send(request.expect("a request")).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        // A caller that still sends when the connection closes does not see the reason.
        assert_eq!(read.load(Ordering::Relaxed), 4, "{who}: {path}");
    }
}

#[tokio::test]
async fn only_an_administrator_who_is_bound_to_nothing_makes_keys() {
    let bound = ["user = \"ana\"", "workspaces = [\"w\"]", "targets = [\"main\"]"];
    let keys = bound.iter().enumerate().map(|(n, bound)| {
        let hash = KeyHash::of(&format!("key-of-bound-{n}"));
        format!("[[auth.key]]\nname = \"bound-{n}\"\nsha256 = \"{hash}\"\nscopes = [\"admin\"]\n{bound}\n")
    });
    let app = App::with(&format!("{MAIN}\n{}", keys.collect::<String>())).await;
    let body = json!({"name": "k", "scopes": ["jobs:read"]});
    for who in ["bound-0", "bound-1", "bound-2", "operator", "eraser"] {
        for answer in [
            app.send_json(who, "POST", "/v1/keys", &body).await,
            app.post(who, "/v1/keys/k/rotate").await,
            app.get(who, "/v1/keys").await,
            delete(&app, who, "k").await,
        ] {
            answer.refused(403, "forbidden", "");
        }
    }
}

#[tokio::test]
async fn an_expired_key_opens_nothing() {
    let expired = KeyHash::of("key-of-expired");
    let valid = KeyHash::of("key-of-valid");
    let keys = format!(
        "[[auth.key]]\nname = \"expired\"\nsha256 = \"{expired}\"\nscopes = [\"admin\"]\nexpires_at = 2020-01-01T00:00:00Z\n\
         [[auth.key]]\nname = \"valid\"\nsha256 = \"{valid}\"\nscopes = [\"admin\"]\nexpires_at = \"2999-01-01T00:00:00Z\"\n"
    );
    let app = App::with(&format!("{MAIN}\n{keys}")).await;
    app.get("expired", "/v1/jobs")
        .await
        .refused(401, "unauthorized", "has expired");
    assert_eq!(app.get("valid", "/v1/jobs").await.status, 200);
    for (name, expires_at) in [
        ("past", 1_000),
        ("soon", lethe_common::clock::to_millis(Clock::system().now()) + 300),
    ] {
        let record = KeyRecord {
            name: name.to_owned(),
            sha256: KeyHash::of(&crate::app::key(name)).to_string(),
            scopes: vec!["jobs:read".to_owned()],
            bounds: Bounds::default(),
            expires_at: Some(expires_at),
        };
        app.ledger
            .add_key(&record, &crate::app::tester())
            .await
            .expect("the ledger answers");
    }
    app.get("past", "/v1/jobs")
        .await
        .refused(401, "unauthorized", "has expired");
    assert_eq!(app.get("soon", "/v1/jobs").await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    // The cache does not keep the key longer than it is valid.
    app.get("soon", "/v1/jobs")
        .await
        .refused(401, "unauthorized", "has expired");
    let listed = app.get("root", "/v1/keys").await.body;
    assert_eq!(listed["keys"][0]["expired"], true, "{listed}");
}

#[tokio::test]
async fn a_key_of_the_configuration_opens_until_the_time_that_it_names() {
    let hash = KeyHash::of("key-of-guest");
    let keys = format!(
        "[[auth.key]]\nname = \"guest\"\nsha256 = \"{hash}\"\nscopes = [\"admin\"]\nexpires_at = 2030-01-31T12:00:00Z\n"
    );
    let clock = Clock::fixed("2030-01-31T11:59:59.999Z".parse().expect("a time"));
    let app = App::at(&format!("{MAIN}\n{keys}"), &[], clock.clone()).await;
    assert_eq!(app.get("guest", "/v1/jobs").await.status, 200);
    clock.set("2030-01-31T12:00:00Z".parse().expect("a time"));
    app.get("guest", "/v1/jobs")
        .await
        .refused(401, "unauthorized", "has expired");
}

#[tokio::test]
async fn a_name_that_is_not_a_text_is_nobody_s() {
    let app = App::new().await;
    delete(&app, "root", "%ff").await.refused(404, "not-found", "name");
    for path in ["/v1/targets/%ff/pause", "/v1/targets/%ff/resume"] {
        app.post("root", path).await.refused(404, "not-found", "name");
    }
}

#[tokio::test]
async fn a_key_that_reaches_a_part_of_the_service_does_not_see_the_metrics_of_all() {
    let app = App::new().await;
    for bounds in [
        json!({"targets": ["main"]}),
        json!({"workspaces": ["w"]}),
        json!({"user": "ana"}),
    ] {
        let mut asked = json!({"name": "part", "scopes": ["metrics:read"]});
        let fields = asked.as_object_mut().expect("an object");
        fields.extend(bounds.as_object().expect("an object").clone());
        let key = made(&app, &asked).await;
        app.get(&key, "/metrics")
            .await
            .refused(403, "forbidden", "do not cover all of this");
        assert_eq!(delete(&app, "root", "part").await.status, 204);
    }
}
