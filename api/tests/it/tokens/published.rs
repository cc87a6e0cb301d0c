//! Keys that an issuer publishes at a URL.

use std::sync::Arc;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use super::{app, claims, public, with_key};
use crate::app::{App, MAIN};

/// Publishes sets of keys one after the other, and counts the requests.
async fn published(sets: Vec<Value>) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&asked);
    let route = axum::routing::get(async move || {
        let n = counter.fetch_add(1, Ordering::SeqCst).min(sets.len() - 1);
        axum::Json(sets[n].clone())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/jwks.json", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/jwks.json", route)).await });
    (url, asked)
}

#[tokio::test]
async fn published_keys_are_read_when_a_token_names_one_that_is_not_there_but_not_for_every_one() {
    // The binary installs it. A second test in this process finds it installed.
    drop(rustls::crypto::ring::default_provider().install_default());
    let set: Value = serde_json::from_slice(include_bytes!("../../keys/jwks.json")).expect("JSON");
    let (url, asked) = published(vec![set]).await;
    let app = app(&public("set", "ES256", &format!("jwks_url = \"{url}\""))).await;
    let of = claims(&json!({"iss": "set"}));
    assert_eq!(
        app.get(&with_key(Algorithm::ES256, Some("ec-1"), &of), "/v1/jobs")
            .await
            .status,
        200
    );
    for n in 0..5 {
        let guess = with_key(Algorithm::ES256, Some(&format!("guess-{n}")), &of);
        app.get(&guess, "/v1/jobs").await.refused(401, "unauthorized", "");
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_read_of_published_keys_goes_on_without_the_caller_that_began_it() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let set: Value = serde_json::from_slice(include_bytes!("../../keys/jwks.json")).expect("JSON");
    let (asks, mut asked) = mpsc::unbounded_channel();
    let may_answer = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&may_answer);
    let route = axum::routing::get(async move || {
        asks.send(()).expect("the test listens");
        drop(gate.acquire().await.expect("it is never closed"));
        axum::Json(set.clone())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/jwks.json", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/jwks.json", route)).await });
    let app = app(&public("set", "ES256", &format!("jwks_url = \"{url}\""))).await;
    let of = claims(&json!({"iss": "set"}));
    let guess = with_key(Algorithm::ES256, Some("guess"), &of);
    tokio::select! {
        answer = app.get(&guess, "/v1/jobs") => panic!("the issuer has not answered: {}", answer.text),
        begun = asked.recv() => begun.expect("the issuer is asked"),
    }
    // The caller has left. Its read serves the next one.
    may_answer.add_permits(1);
    let good = with_key(Algorithm::ES256, Some("ec-1"), &of);
    assert_eq!(app.get(&good, "/v1/jobs").await.status, 200);
    assert!(asked.try_recv().is_err(), "the issuer is asked once");
}

#[tokio::test]
async fn published_keys_are_read_again_while_the_api_is_served() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let set: Value = serde_json::from_slice(include_bytes!("../../keys/jwks.json")).expect("JSON");
    let (url, asked) = published(vec![json!({"keys": [set["keys"][0]]}), set.clone()]).await;
    let source = format!("jwks_url = \"{url}\"\njwks_refresh = \"50ms\"");
    let app = app(&public("set", "RS256\", \"ES256", &source)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let stop = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn(lethe_api::serve(listener, app.state.clone(), stop.clone()));
    let token = with_key(Algorithm::ES256, Some("ec-1"), &claims(&json!({"iss": "set"})));
    while asked.load(std::sync::atomic::Ordering::SeqCst) < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(app.get(&token, "/v1/jobs").await.status, 200);
    stop.cancel();
    serving.await.expect("no panic");
}

#[tokio::test]
async fn a_token_whose_issuer_cannot_be_asked_is_neither_good_nor_a_guess() {
    drop(rustls::crypto::ring::default_provider().install_default());
    // No server listens there: the port was free a moment ago.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone = format!("http://{}/jwks.json", listener.local_addr().expect("an address"));
    drop(listener);
    // The server answers, but not with keys.
    let (repaired, _) = published(vec![json!({"message": "maintenance"})]).await;
    let issuers = [("gone", gone), ("repaired", repaired)]
        .map(|(name, url)| public(name, "ES256", &format!("jwks_url = \"{url}\"")));
    let app = App::with(&format!("api.auth_failures_per_minute = 1\n{MAIN}{}", issuers.concat())).await;
    for issuer in ["gone", "repaired", "gone", "repaired"] {
        let token = with_key(Algorithm::ES256, Some("ec-1"), &claims(&json!({"iss": issuer})));
        let answer = app.get(&token, "/v1/jobs").await;
        answer.refused(503, "issuer-unavailable", "again later");
        assert_eq!(answer.headers["retry-after"], "10");
    }
    // No request counted as a guess of its address, which still has its one failure.
    app.get("guess", "/v1/jobs").await.refused(401, "unauthorized", "");
    app.get("guess", "/v1/jobs").await.refused(429, "too-many-requests", "");
    let forged = with_key(Algorithm::RS256, Some("ec-1"), &claims(&json!({"iss": "gone"})));
    app.get(&forged, "/v1/jobs").await.refused(429, "too-many-requests", "");
}
