//! The rights of callers.

use std::time::Duration;

use axum::body::Body;
use futures::stream;
use lethe_common::config::{Bounds, KeyHash};
use lethe_common::ledger::Kept;
use lethe_common::ledger::KeyRecord;
use serde_json::json;

use crate::app::{App, MAIN, request};
use crate::callers::TWO;

#[tokio::test]
async fn without_a_known_key_nothing_is_answered() {
    let app = App::with(&format!("api.auth_failures_per_minute = 1000\n{MAIN}")).await;
    let routes = [
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs/x"),
        ("POST", "/v1/pause"),
        ("GET", "/v1/targets"),
        ("GET", "/v1/workers"),
        ("GET", "/metrics"),
    ];
    for (method, path) in routes {
        for credentials in [
            None,
            Some("Bearer"),
            Some("Bearer nobody-s"),
            Some("Basic key-of-root"),
            Some("key-of-root"),
        ] {
            let mut request = request("", method, path);
            if let Some(credentials) = credentials {
                request = request.header("authorization", credentials);
            }
            let answer = app.send(request.body(Body::empty()).expect("a request")).await;
            answer.refused(401, "unauthorized", "API key");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    let twice = request("root", "GET", "/v1/jobs").header("authorization", "Bearer nobody-s");
    app.send(twice.body(Body::empty()).expect("a request"))
        .await
        .refused(401, "unauthorized", "one header");
    for open in ["/livez", "/readyz", "/openapi.json"] {
        assert_eq!(app.get("", open).await.status, 200, "{open}");
    }
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let ids = json!({"select": {"ids": ["a"]}});
    let person = json!({"select": {"subject": {"user_id": "a"}}});
    for who in ["reader", "operator", "privacy", "scraper"] {
        app.create(who, &ids)
            .await
            .refused(403, "forbidden", "`memories:delete`");
    }
    app.create("owner", &ids)
        .await
        .refused(403, "forbidden", "`memories:delete:any`");
    app.create("eraser", &person)
        .await
        .refused(403, "forbidden", "`subjects:erase`");
    for path in ["/v1/targets", "/v1/workers"] {
        app.get("privacy", path).await.refused(403, "forbidden", "`jobs:read`");
        assert_ne!(app.get("reader", path).await.status, 403);
    }
    for path in [
        &format!("/v1/jobs/{id}/cancel"),
        &format!("/v1/jobs/{id}/retry"),
        "/v1/pause",
        "/v1/targets/main/resume",
    ] {
        app.post("reader", path).await.refused(403, "forbidden", "`jobs:admin`");
    }
    app.get("operator", "/metrics")
        .await
        .refused(403, "forbidden", "`metrics:read`");
    assert_eq!(app.get("scraper", "/metrics").await.status, 200);
    assert_eq!(app.get("root", "/metrics").await.status, 200);
}

#[tokio::test]
async fn everybody_sees_cancels_and_retries_its_own_jobs() {
    let app = App::new().await;
    let body = json!({"select": {"ids": ["a"]}, "owner": "ana"});
    let id = app.create("owner", &body).await.job();
    let path = |end: &str| format!("/v1/jobs/{id}{end}");
    for end in ["", "/items?outcome=failed"] {
        assert_eq!(app.get("owner", &path(end)).await.status, 200);
    }
    assert_eq!(app.post("owner", &path("/cancel")).await.body["state"], "cancelled");
    assert_eq!(app.get("owner", &path("/events")).await.status, 200);
    assert_eq!(app.post("owner", &path("/retry")).await.body["state"], "queued");
}

#[tokio::test]
async fn the_jobs_of_others_do_not_exist_without_a_scope() {
    let app = App::new().await;
    let mine = app
        .create("owner", &json!({"select": {"ids": ["a"]}, "owner": "ana"}))
        .await
        .job();
    let theirs = app.accepted("other").await;
    let path = |id, end| format!("/v1/jobs/{id}{end}");
    for end in ["", "/items?outcome=failed", "/events"] {
        app.get("owner", &path(theirs, end))
            .await
            .refused(404, "not-found", "no job has this id, or it is not yours");
    }
    for end in ["/cancel", "/retry"] {
        app.post("owner", &path(theirs, end))
            .await
            .refused(404, "not-found", "");
    }
    let listed = async |who: &str| {
        let list = app.get(who, "/v1/jobs").await;
        let jobs = list.body["jobs"].as_array().expect("a list");
        jobs.iter().map(|job| job["id"].clone()).collect::<Vec<_>>()
    };
    for who in ["reader", "operator", "root"] {
        assert_eq!(app.get(who, &path(theirs, "")).await.status, 200);
        assert_eq!(listed(who).await.len(), 2);
    }
    assert_eq!(listed("owner").await, [json!(mine)]);
    assert!(listed("privacy").await.is_empty());
}

#[tokio::test]
async fn a_key_of_the_ledger_opens_what_it_says() {
    let app = App::new().await;
    let record = KeyRecord {
        name: "made".to_owned(),
        sha256: KeyHash::of("key-of-made").to_string(),
        scopes: vec!["jobs:read".to_owned(), "of:a:later:version".to_owned()],
        bounds: Bounds::default(),
        expires_at: None,
    };
    app.ledger
        .add_key(&record, &crate::app::tester())
        .await
        .expect("the ledger answers");
    assert_eq!(app.get("made", "/v1/jobs").await.status, 200);
    app.post("made", "/v1/pause")
        .await
        .refused(403, "forbidden", "`jobs:admin`");
    // The API's cache has the key: the next request does not ask the ledger about it.
    app.ledger.close().await;
    app.get("made", "/v1/jobs").await.refused(503, "ledger-unavailable", "");
    app.get("unknown", "/v1/jobs")
        .await
        .refused(503, "ledger-unavailable", "");
}

#[tokio::test]
async fn a_forgotten_job_keeps_its_counts_but_not_its_ids() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    assert_eq!(app.post("operator", &format!("/v1/jobs/{id}/cancel")).await.status, 202);
    let day = Duration::from_hours(24);
    let kept = Kept {
        items: Duration::ZERO,
        jobs: day,
        keys: day,
        audit: day,
        receipts: day,
    };
    while app.ledger.forget(kept).await.expect("the ledger answers").more {}
    let items = app.get("eraser", &format!("/v1/jobs/{id}/items?outcome=failed")).await;
    items.refused(410, "forgotten", "counts remain");
    let retry = app.post("operator", &format!("/v1/jobs/{id}/retry")).await;
    retry.refused(410, "forgotten", "as a new job");
    let job = app.get("eraser", &format!("/v1/jobs/{id}")).await;
    assert_eq!(job.body["stores"][0]["counts"]["left"], 2, "{}", job.text);
}

#[tokio::test]
async fn who_may_erase_nothing_is_not_read() {
    let app = App::new().await;
    for (method, path) in [
        ("POST", "/v1/jobs"),
        ("PUT", "/v1/schedules/nightly"),
        ("PUT", "/v1/holds/case-77"),
        ("DELETE", "/memories"),
        ("DELETE", "/v1/batch/"),
        ("POST", "/memories/_delete_by_query"),
    ] {
        // The body never arrives.
        let body = Body::from_stream(stream::pending::<std::io::Result<String>>());
        let request = request("scraper", method, path).header("content-type", "application/json");
        let request = request.header("expect", "100-continue");
        let answer = app.send(request.body(body).expect("a request")).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
    }
}

/// Makes a key called `turned`, in place of the previous one.
async fn turned(app: &App, rights: serde_json::Value) -> String {
    let request = request("root", "DELETE", "/v1/keys/turned").body(Body::empty());
    app.send(request.expect("a request")).await;
    let mut asked = json!({"name": "turned"});
    asked
        .as_object_mut()
        .expect("an object")
        .extend(rights.as_object().expect("rights").clone());
    let answer = app.send_json("root", "POST", "/v1/keys", &asked).await;
    answer.body["key"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .to_owned()
}

#[tokio::test]
async fn a_key_made_anew_repeats_nothing_that_it_could_not_ask_for() {
    let app = App::with(TWO).await;
    let of = |user: &str| json!({"scopes": ["memories:delete"], "user": user});
    let everybodys = json!({"scopes": ["subjects:erase", "memories:delete:any"]});
    let alices = json!({"select": {"subject": {"user_id": "alice"}}, "target": "main"});
    let ids = json!({"select": {"ids": ["a"]}, "target": "main"});
    for (before, body, after, status) in [
        (of("alice"), &alices, of("bob"), 404),
        (of("alice"), &ids, of("bob"), 404),
        (everybodys.clone(), &alices, of("bob"), 404),
        (everybodys.clone(), &ids, of("alice"), 404),
        (
            everybodys.clone(),
            &alices,
            json!({"scopes": ["memories:delete:any"]}),
            403,
        ),
        (everybodys.clone(), &ids, json!({"scopes": ["memories:delete"]}), 403),
        (
            json!({"scopes": ["admin"]}),
            &ids,
            json!({"scopes": ["admin"], "targets": ["spare"]}),
            404,
        ),
        (of("alice"), &alices, of("alice"), 202),
        (everybodys.clone(), &alices, of("alice"), 202),
    ] {
        let case = format!("{before} {body} {after}");
        let key = turned(&app, before).await;
        let id = app.create(&key, body).await.job();
        app.post(&key, &format!("/v1/jobs/{id}/cancel")).await;
        assert_eq!(
            app.get("root", &format!("/v1/jobs/{id}")).await.body["state"],
            "cancelled",
            "{case}"
        );

        let key = turned(&app, after).await;
        let retried = app.post(&key, &format!("/v1/jobs/{id}/retry")).await;
        assert_eq!(retried.status, status, "{case}: {}", retried.text);
        let expected = if status == 202 { "queued" } else { "cancelled" };
        assert_eq!(
            app.get("root", &format!("/v1/jobs/{id}")).await.body["state"],
            expected,
            "{case}"
        );
        if status == 404 {
            let items = app.get(&key, &format!("/v1/jobs/{id}/items?outcome=found")).await;
            assert_eq!(items.status, 404, "{case}: {}", items.text);
            let listed = app.get(&key, "/v1/jobs").await;
            let jobs = listed.body["jobs"].as_array().expect("a list");
            assert!(
                jobs.iter().all(|job| job["id"] != id.to_string()),
                "{case}: {}",
                listed.text
            );
        }
    }
}

#[tokio::test]
async fn a_job_about_several_targets_is_controlled_by_who_reaches_all_of_them() {
    let app = App::with(TWO).await;
    let both = json!({"scopes": ["subjects:erase"], "targets": ["main", "spare"]});
    let key = turned(&app, both.clone()).await;
    let id = app
        .create(&key, &json!({"select": {"subject": {"user_id": "alice"}}}))
        .await
        .job();
    let path = |end: &str| format!("/v1/jobs/{id}{end}");
    let listed = async |key: &str| {
        let list = app.get(key, "/v1/jobs").await.body;
        list["jobs"].as_array().expect("a list").len()
    };
    let key = turned(&app, json!({"scopes": ["admin"], "targets": ["main"]})).await;
    assert_eq!(app.get(&key, &path("")).await.status, 404);
    assert_eq!(app.post(&key, &path("/cancel")).await.status, 404);
    assert_eq!(listed(&key).await, 0);
    let asked = json!({"name": "beside", "scopes": ["jobs:read"], "targets": ["main", "spare"]});
    let made = app.send_json("root", "POST", "/v1/keys", &asked).await;
    assert_eq!(
        listed(made.body["key"].as_str().expect("a key")).await,
        1,
        "somebody else's"
    );

    let key = turned(&app, both).await;
    assert_eq!(app.get(&key, &path("")).await.status, 200);
    assert_eq!(app.post(&key, &path("/cancel")).await.body["state"], "cancelled");
    assert_eq!(app.post(&key, &path("/retry")).await.body["state"], "queued");
}

#[tokio::test]
async fn a_page_of_a_key_made_anew_is_filled_with_its_own_jobs() {
    let app = App::with(TWO).await;
    let of = |user: &str| json!({"scopes": ["memories:delete"], "user": user});
    let body = json!({"select": {"ids": ["a"]}, "target": "main"});
    let key = turned(&app, of("alice")).await;
    let mut alices = Vec::new();
    for _ in 0..3 {
        alices.insert(0, json!(app.create(&key, &body).await.job()));
    }
    let key = turned(&app, of("bob")).await;
    for _ in 0..5 {
        app.create(&key, &body).await.job();
    }
    let key = turned(&app, of("alice")).await;
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.get(&key, &format!("/v1/jobs?limit=2{after}")).await;
        let jobs = page.body["jobs"].as_array().expect("a list");
        listed.push(jobs.iter().map(|job| job["id"].clone()).collect::<Vec<_>>());
        let Some(next) = page.body["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(listed, [&alices[..2], &alices[2..]]);
}

#[tokio::test]
async fn a_repeated_request_of_a_key_made_anew_is_another_request() {
    let app = App::with(TWO).await;
    // The owner is the person that the key is bound to.
    let mine = json!({"select": {"ids": ["a"]}, "target": "main"});
    let of = |user: &str| json!({"scopes": ["memories:delete"], "user": user});
    let headers = [("idempotency-key", "k")];
    let key = turned(&app, of("alice")).await;
    let id = app.create_with(&key, &mine, &headers).await.job();
    assert_eq!(app.create_with(&key, &mine, &headers).await.job(), id);
    let key = turned(&app, of("bob")).await;
    app.create_with(&key, &mine, &headers)
        .await
        .refused(422, "key-reused", "");
    let key = turned(&app, json!({"scopes": ["memories:delete:any"]})).await;
    let others = [("idempotency-key", "others")];
    app.create_with(&key, &mine, &others).await.job();
    let key = turned(&app, json!({"scopes": ["memories:delete"]})).await;
    app.create_with(&key, &mine, &others)
        .await
        .refused(403, "forbidden", "");
}
