//! Signing in and out, and the end of a session.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use futures::future::join_all;
use lethe_common::config::{Bounds, KeyHash};
use lethe_common::ledger::KeyRecord;
use serde_json::json;

use super::browser::{Browser, HERE, form_of};
use crate::app::{Answer, App, MAIN, key, request, tester};
use crate::audit::trail;
use crate::bounds::{MIB, stuck};

/// The page to which a request without a session is led.
const SIGN_IN: &str = "/console/sign-in?then=%2Fconsole%2Fjobs%3Fstate%3Dfailed";

#[tokio::test]
async fn a_key_opens_the_pages_and_leads_back() {
    let app = App::new().await;
    let mut browser = Browser::new(&app);
    let led = browser.get("/console/jobs?state=failed").await;
    assert_eq!(
        (led.status.as_u16(), &led.headers["location"]),
        (303, &SIGN_IN.parse().unwrap())
    );
    let page = browser.get(SIGN_IN).await;
    assert!(
        page.text.contains("value=\"/console/jobs?state=failed\""),
        "{}",
        page.text
    );
    let answer = browser.sign_in("reader", "/console/jobs?state=failed").await;
    assert_eq!(answer.headers["location"], "/console/jobs?state=failed");
    let set = answer.headers["set-cookie"].to_str().expect("text");
    assert!(
        set.starts_with("lethe=") && set.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert!(!set.contains("key-of-reader"), "{set}");
    assert_eq!(browser.get("/console/jobs").await.status, 200);
    // With a session the page where to sign in leads on.
    let again = browser.get(SIGN_IN).await;
    assert_eq!(again.headers["location"], "/console/jobs?state=failed");
}

#[tokio::test]
async fn signing_in_leads_to_no_other_host() {
    let app = App::new().await;
    for then in ["https://evil.example", "//evil.example", "/v1/jobs", "/console/sign-in"] {
        let answer = Browser::new(&app).sign_in("reader", then).await;
        assert_eq!(answer.headers["location"], "/", "{then}");
    }
}

#[tokio::test]
async fn wrong_credentials_open_nothing() {
    let app = App::new().await;
    for wrong in ["lethe_nothing", "a.b.c", "lethe_ü", "lethe_a\nb"] {
        let answer = Browser::new(&app).sign_in(wrong, "/").await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        assert!(!answer.headers.contains_key("set-cookie"));
        assert!(
            answer.text.contains("id=\"refused\"") && !answer.text.contains(wrong),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn guesses_at_the_form_count_as_failures_of_their_address() {
    let app = App::with(&format!("api.auth_failures_per_minute = 3\n{MAIN}")).await;
    for n in 0..3 {
        let answer = Browser::new(&app).sign_in(&format!("guess-{n}"), "/").await;
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
    let answer = Browser::new(&app).sign_in("guess-3", "/").await;
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert!(
        answer.headers.contains_key("retry-after") && answer.text.contains("id=\"problem\""),
        "{}",
        answer.text
    );
    // The routes of the API count the same failures.
    assert_eq!(app.get("guess-4", "/v1/jobs").await.status, 429);
}

/// Sends the form where to sign in from an address.
async fn from(app: &App, peer: &str, form: impl Into<Body>) -> Answer {
    let request = Request::post("/console/sign-in")
        .header("host", "127.0.0.1:7878")
        .header("origin", HERE)
        .header("content-type", "application/x-www-form-urlencoded");
    let mut request = request.body(form.into()).expect("a request");
    let peer: SocketAddr = peer.parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(peer));
    app.send(request).await
}

#[tokio::test]
async fn forms_that_hang_at_one_address_keep_no_other_out() {
    let app = App::with(&format!("{MIB}{MAIN}")).await;
    // As many of the largest forms as fit into half of the bytes.
    let (forms, are_read): (Vec<_>, Vec<_>) = (0..32).map(|_| stuck("a".repeat(16 << 10))).unzip();
    let hanging = join_all(forms.into_iter().map(|form| from(&app, "10.0.0.1:1", form)));
    let meanwhile = async {
        for is_read in are_read {
            is_read.await.expect("the form is read");
        }
        let form = form_of(&[("credentials", "key-of-root")]);
        let answer = from(&app, "10.0.0.2:1", form).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    };
    tokio::select! {
        _ = hanging => panic!("the forms do not end by themselves"),
        () = meanwhile => {}
    }
}

#[tokio::test]
async fn a_cookie_of_a_sibling_host_hides_no_session() {
    let app = App::new().await;
    let mut browser = Browser::signed_in(&app, "reader").await;
    browser.cookie = format!("theme=ü; {}", browser.cookie);
    assert_eq!(browser.get("/console/jobs").await.status, 200);
}

#[tokio::test]
async fn a_revoked_key_ends_its_session() {
    let app = App::new().await;
    let body = json!({"name": "visitor", "scopes": ["jobs:read"]});
    let made = app.send_json("root", "POST", "/v1/keys", &body).await;
    let key = made.body["key"].as_str().expect("a key").to_owned();
    let browser = Browser::signed_in(&app, &key).await;
    assert_eq!(browser.get("/console/jobs").await.status, 200);
    let revoked = request("root", "DELETE", "/v1/keys/visitor").body(Body::empty());
    assert_eq!(app.send(revoked.expect("a request")).await.status, 204);
    let led = browser.get("/console/jobs").await;
    assert_eq!(led.status, 303, "{}", led.text);
    let removed: Vec<_> = led.headers.get_all("set-cookie").iter().collect();
    assert!(
        removed.iter().any(|set| set.as_bytes().starts_with(b"lethe=;")),
        "{removed:?}"
    );
}

#[tokio::test]
async fn a_key_that_is_no_longer_valid_leaves_an_event() {
    let app = App::new().await;
    let expired = KeyRecord {
        name: "old".to_owned(),
        sha256: KeyHash::of(&key("old")).to_string(),
        scopes: vec!["jobs:read".to_owned()],
        bounds: Bounds::default(),
        expires_at: Some(1),
    };
    let added = app.ledger.add_key(&expired, &tester()).await;
    assert!(added.expect("the ledger answers").is_some());
    let refused = async |actor: &str| {
        let event = trail(&app).await.remove(0);
        assert_eq!((event.actor.as_str(), event.effect.as_str()), (actor, "refused"));
        event.act
    };
    assert_eq!(Browser::new(&app).sign_in("old", "/").await.status, 401);
    assert_eq!(refused("old").await, "console.sign_in");
    // Unknown credentials name nobody.
    let before = trail(&app).await.len();
    assert_eq!(Browser::new(&app).sign_in("lethe_nothing", "/").await.status, 401);
    assert_eq!(trail(&app).await.len(), before);

    let body = json!({"name": "visitor", "scopes": ["admin"]});
    let made = app.send_json("root", "POST", "/v1/keys", &body).await;
    let visitor = Browser::signed_in(&app, made.body["key"].as_str().expect("a key")).await;
    let revoked = request("root", "DELETE", "/v1/keys/visitor").body(Body::empty());
    assert_eq!(app.send(revoked.expect("a request")).await.status, 204);
    let answer = visitor.send("POST", "/console/pause", &[("origin", HERE)], "").await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(refused("visitor").await, "pause");
}

#[tokio::test]
async fn signing_out_removes_the_cookie() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "reader").await;
    let answer = browser.post("/console/jobs", "/console/sign-out", &[]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["location"]),
        (303, &"/console/sign-in".parse().unwrap())
    );
    assert!(
        answer.headers["set-cookie"]
            .to_str()
            .expect("text")
            .contains("Max-Age=0")
    );
}

#[tokio::test]
async fn a_cookie_counts_only_for_pages() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, "root").await;
    let sent = async |method: &str, path: &str| {
        let request = request("", method, path)
            .header("cookie", &browser.cookie)
            .header("host", "127.0.0.1:7878");
        app.send(request.body(Body::empty()).expect("a request")).await
    };
    for (method, path) in [
        ("GET", "/v1/jobs"),
        ("POST", "/v1/pause"),
        ("GET", "/metrics"),
        ("GET", "/"),
        ("DELETE", "/memories/a"),
    ] {
        assert_eq!(sent(method, path).await.status, 401, "{method} {path}");
    }
    let paused = app.get("root", "/v1/targets").await;
    assert_eq!(paused.body["targets"][0]["paused"], false);
    // Nor do the credentials of the API open a page.
    let page = request("root", "GET", "/console/jobs").body(Body::empty());
    assert_eq!(app.send(page.expect("a request")).await.status, 303);
}

#[tokio::test]
async fn a_cookie_over_https_is_bound_to_its_host() {
    let app = App::new().await;
    let form = form_of(&[("credentials", "key-of-root")]);
    let headers = [("origin", "https://127.0.0.1:7878")];
    let answer = Browser::new(&app)
        .send("POST", "/console/sign-in", &headers, &form)
        .await;
    let set = answer.headers["set-cookie"].to_str().expect("text");
    assert!(
        set.starts_with("__Host-lethe=") && set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"),
        "{set}"
    );
    // Another machine could set the cookie without the prefix.
    let mut browser = Browser::signed_in(&app, "root").await;
    let elsewhere = [("host", "lethe.example")];
    let page = async |cookie: &str| {
        let request = request("", "GET", "/console/jobs").header("cookie", cookie);
        let request = elsewhere
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        app.send(request.body(Body::empty()).expect("a request"))
            .await
            .status
            .as_u16()
    };
    assert_eq!(page(&browser.cookie).await, 303);
    browser.cookie = browser.cookie.replace("lethe=", "__Host-lethe=");
    assert_eq!(page(&browser.cookie).await, 200);
}

#[tokio::test]
async fn a_key_is_not_sent_in_the_clear_over_a_network() {
    let app = App::new().await;
    let form = form_of(&[("credentials", "key-of-root")]);
    let headers = [("origin", "http://lethe.example"), ("sec-fetch-site", "same-origin")];
    let answer = Browser::new(&app)
        .send("POST", "/console/sign-in", &headers, &form)
        .await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert!(answer.text.contains("over HTTPS") && !answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_link_of_another_site_takes_a_step_that_brings_the_cookie() {
    let app = App::new().await;
    let cross = [("sec-fetch-site", "cross-site")];
    let step = Browser::new(&app)
        .send("GET", "/console/jobs?state=failed", &cross, "")
        .await;
    assert_eq!(step.status, 200, "{}", step.text);
    assert!(
        step.text.contains(&format!("content=\"0; url={SIGN_IN}\"")),
        "{}",
        step.text
    );
    // The page where to sign in takes no step, so nothing goes round in a circle.
    let page = Browser::new(&app).send("GET", SIGN_IN, &cross, "").await;
    assert!(page.status == 200 && !page.text.contains("http-equiv"), "{}", page.text);
    let from_there = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    let form = form_of(&[("credentials", "key-of-root")]);
    let sent = Browser::new(&app)
        .send("POST", "/console/sign-in", &from_there, &form)
        .await;
    assert!(
        sent.status == 403 && !sent.headers.contains_key("set-cookie"),
        "{}",
        sent.text
    );
}
