//! Failed authentication: its rate limit, its answers and its counts.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use futures::FutureExt as _;
use lethe_common::config::{Bounds, KeyHash};
use lethe_common::ledger::KeyRecord;

use crate::app::{Answer, App, MAIN, request};

fn few(more: &str) -> String {
    format!("api.auth_failures_per_minute = 3\n{more}\n{MAIN}")
}

async fn from(app: &App, peer: &str, forwarded: &str, who: &str) -> Answer {
    let mut request = request(who, "GET", "/v1/jobs");
    if !forwarded.is_empty() {
        request = request.header("x-forwarded-for", forwarded);
    }
    let mut request = request.body(Body::empty()).expect("a request");
    let peer: SocketAddr = peer.parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(peer));
    app.send(request).await
}

fn record(name: &str) -> KeyRecord {
    KeyRecord {
        name: name.to_owned(),
        sha256: KeyHash::of(&crate::app::key(name)).to_string(),
        scopes: vec!["jobs:read".to_owned()],
        bounds: Bounds::default(),
        expires_at: None,
    }
}

#[tokio::test]
async fn an_address_that_guesses_is_not_listened_to() {
    let app = App::with(&few("")).await;
    app.ledger
        .add_key(&record("made"), &crate::app::tester())
        .await
        .expect("the ledger answers");
    app.ledger
        .add_key(&record("late"), &crate::app::tester())
        .await
        .expect("the ledger answers");
    let (guesser, other) = ("10.0.0.1:1", "10.0.0.2:1");
    assert_eq!(from(&app, guesser, "", "made").await.status, 200);
    for n in 0..3 {
        from(&app, guesser, "", &format!("guess-{n}"))
            .await
            .refused(401, "unauthorized", "API key");
    }
    let answer = from(&app, guesser, "", "guess-3").await;
    answer.refused(429, "too-many-requests", "your address");
    let wait: u64 = answer.headers["retry-after"]
        .to_str()
        .expect("a number")
        .parse()
        .expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");
    // Without a trusted proxy, the header is the caller's own claim.
    let answer = from(&app, guesser, "10.9.9.9", "guess-3").await;
    answer.refused(429, "too-many-requests", "");
    // Keys that are known to be valid without the ledger are not limited, and neither are other callers.
    assert_eq!(from(&app, guesser, "", "reader").await.status, 200);
    assert_eq!(from(&app, guesser, "", "made").await.status, 200);
    from(&app, guesser, "", "late")
        .await
        .refused(429, "too-many-requests", "");
    assert_eq!(from(&app, other, "", "late").await.status, 200);
    from(&app, other, "", "guess-3").await.refused(401, "unauthorized", "");
    // A request without credentials is no guess.
    from(&app, guesser, "", "")
        .await
        .refused(401, "unauthorized", "send one header");
}

#[tokio::test]
async fn many_keys_of_the_ledger_from_one_address_are_no_guesses() {
    let app = App::with(&few("")).await;
    for n in 0..12 {
        let key = record(&format!("key-{n}"));
        app.ledger
            .add_key(&key, &crate::app::tester())
            .await
            .expect("the ledger answers");
    }
    for n in 0..12 {
        assert_eq!(from(&app, "10.0.0.1:1", "", &format!("key-{n}")).await.status, 200);
    }
}

#[tokio::test]
async fn a_caller_that_leaves_before_its_answer_has_guessed_nothing() {
    let app = App::with(&few("")).await;
    app.ledger
        .add_key(&record("late"), &crate::app::tester())
        .await
        .expect("the ledger answers");
    for n in 0..9 {
        // Each request asks the ledger, and its caller leaves.
        let left = from(&app, "10.0.0.1:1", "", "late").now_or_never();
        assert!(left.is_none(), "{n}: {left:?}");
    }
    assert_eq!(from(&app, "10.0.0.1:1", "", "late").await.status, 200);
}

#[tokio::test]
async fn a_caller_that_leaves_before_its_answer_has_guessed_with_a_wrong_key() {
    let app = App::with(&few("")).await;
    let guesser = "10.0.0.1:1";
    // The guesses that fail count, though nobody hears of that. A good key that is not known yet shows how many there are.
    for n in 0..100 {
        let left = from(&app, guesser, "", &format!("guess-{n}")).now_or_never();
        assert!(left.is_none_or(|answer| answer.status == 429), "{n}");
        let good = record(&format!("good-{n}"));
        app.ledger
            .add_key(&good, &crate::app::tester())
            .await
            .expect("the ledger answers");
        let answer = from(&app, guesser, "", &good.name).await;
        if answer.status == 429 {
            return;
        }
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    panic!("the caller may guess without limit");
}

#[tokio::test]
async fn behind_a_proxy_each_caller_has_its_own_count() {
    let app = App::with(&few("api.trusted_proxies = 1")).await;
    for _ in 0..3 {
        from(&app, "10.0.0.1:1", "6.6.6.6, 1.1.1.1", "guess")
            .await
            .refused(401, "unauthorized", "");
    }
    from(&app, "10.0.0.1:1", "7.7.7.7, 1.1.1.1", "guess")
        .await
        .refused(429, "too-many-requests", "");
    from(&app, "10.0.0.1:1", "6.6.6.6, 2.2.2.2", "guess")
        .await
        .refused(401, "unauthorized", "");
}

#[tokio::test]
async fn without_an_address_all_share_one_count() {
    let app = App::with(&few("")).await;
    for n in 0..3 {
        app.get(&format!("guess-{n}"), "/v1/jobs")
            .await
            .refused(401, "unauthorized", "");
    }
    app.get("guess", "/v1/jobs").await.refused(429, "too-many-requests", "");
}

#[tokio::test]
async fn failures_are_counted_by_reason_from_the_start() {
    let app = App::new().await;
    let count = async |reason: &str| -> u64 {
        let text = app.get("scraper", "/metrics").await.text;
        let series = format!("lethe_authentication_failures_total{{reason=\"{reason}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.expect("it is there from the start").parse().expect("a number")
    };
    // Other tests of this process count too.
    let before = (
        count("unknown_key").await,
        count("missing").await,
        count("token_key").await,
    );
    app.get("nobody", "/v1/jobs").await.refused(401, "unauthorized", "");
    app.get("", "/v1/jobs").await.refused(401, "unauthorized", "");
    assert!(count("unknown_key").await > before.0 && count("missing").await > before.1);
}

#[tokio::test]
async fn a_caller_who_asks_too_fast_is_slowed_down_alone() {
    let app = App::with(&format!("api.requests_per_second = 2\n{MAIN}")).await;
    let answer = app.get("reader", "/v1/jobs").await;
    assert_eq!(answer.headers["ratelimit-policy"], "\"requests\";q=2;w=1");
    assert_eq!(answer.headers["ratelimit"], "\"requests\";r=1;t=1");
    // A refusal counts like any other answer.
    let answer = app.get("reader", "/metrics").await;
    answer.refused(403, "forbidden", "");
    assert_eq!(answer.headers["ratelimit"], "\"requests\";r=0;t=1");
    let answer = app.get("reader", "/v1/jobs").await;
    answer.refused(429, "too-many-requests", "more slowly");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.headers["ratelimit"], "\"requests\";r=0;t=1");
    assert_eq!(app.get("operator", "/v1/jobs").await.status, 200);
    // A request with a key to `/readyz` counts too.
    for (who, open) in [("reader", "/livez"), ("", "/readyz"), ("reader", "/openapi.json")] {
        for _ in 0..5 {
            let answer = app.get(who, open).await;
            assert_eq!(answer.status, 200);
            assert!(!answer.headers.contains_key("ratelimit"), "{open}");
        }
    }
    assert!(!app.get("nobody", "/v1/jobs").await.headers.contains_key("ratelimit"));
}
