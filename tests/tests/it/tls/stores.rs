//! Redis and the vector store over TLS. The embedded engine listens on this machine only and speaks no TLS, so a proxy
//! ends TLS in front of it, as for a Qdrant server on another machine.

use std::path::Path;
use std::process::Command;

use jiff::ToSpan;
use lethe_common::clock::Clock;
use lethe_tests::certificates::Authority;
use lethe_tests::client::Client;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::redis::Redis;
use lethe_tests::relay::Relay;
use lethe_tests::service::{Service, Site, TARGET, lethe, target, up_by};
use lethe_tests::vectors::Vectors;
use lethe_tests::wait;
use serde_json::{Value, json};

use super::{check_by, shown};

/// Returns the command `lethe`, which trusts this authority only.
fn trusting(authority: &Authority) -> Command {
    let mut command = lethe();
    command.env("SSL_CERT_FILE", authority.path());
    command
}

/// Starts all roles in one process, which trusts this authority only.
async fn up(site: &Site, authority: &Authority) -> Service {
    let directory: &Path = site.directory.path();
    up_by(
        trusting(authority),
        &directory.join("data"),
        Some(&site.config),
        directory,
    )
    .await
}

/// Returns whether a process reaches Redis.
async fn is_rung(client: &Client) -> bool {
    let samples = client.metrics().await;
    samples
        .get("lethe_dependency_up{dependency=\"doorbell\"}")
        .is_some_and(|up| *up > 0.5)
}

/// Returns `host:port` of a URL.
fn address(url: &str) -> &str {
    url.split_once("://").unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_used_only_if_it_proves_its_name() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (authority, other) = (Authority::new(directory.path()), Authority::new(elsewhere.path()));
    let certificates = shown(&authority, &other);
    let mut redis = Redis::speaking_tls(&certificates[0].1).await;
    let mut site = Site::new(Layout::SQLITE).await;
    let all = memories::of("alice", certificates.len() + 1);
    site.add(&all).await;
    let no_tls = ("no TLS", format!("rediss://{}", redis.address()), false);
    let mut tried = vec![(no_tls, None)];
    for (what, shown, is_believed) in certificates {
        tried.push(((what, redis.tls_url(), is_believed), Some(shown)));
    }
    for (((what, url, is_believed), shown), memory) in tried.into_iter().zip(&all) {
        if let Some(shown) = shown {
            redis.show(&shown).await;
        }
        site.configure(|config| config.set("doorbell.url", url).set("doorbell.tls", "verify"));
        let mut service = up(&site, &authority).await;
        if is_believed {
            wait::until_true("Redis is used", || is_rung(&service.client)).await;
        } else {
            let refusal = "the doorbell does not reach other processes";
            service
                .process
                .says(what, |process| process.log().contains(refusal).then_some(()))
                .await;
            assert!(!is_rung(&service.client).await, "{what}");
        }
        // Without Redis work is found too.
        let job = json!({"select": {"ids": [memory.id]}});
        service.client.succeeds(&job).await;
    }
    site.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vector_store_is_asked_only_if_it_proves_its_name() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (authority, other) = (Authority::new(directory.path()), Authority::new(elsewhere.path()));
    let certificates = shown(&authority, &other);
    let vectors = Vectors::own().await;
    let relay = Relay::before(address(&vectors.url), &certificates[0].1).await;
    let places = format!(
        "collection = {{ name = \"{}\", point = \"uuid\", payload = {{ id = \"memory_id\" }} }}",
        vectors.collection
    );
    let check = async |url: &str| {
        let store = format!(
            "vector = {{ url = \"{url}\", api_key = \"{}\", tls = \"verify\" }}",
            vectors.key
        );
        check_by(trusting(&authority), directory.path(), &store, &places).await
    };
    let plain = vectors.url.replace("http://", "https://");
    let said = check(&plain).await;
    assert!(said.contains("cannot be asked"), "it speaks no TLS: {said}");
    for (what, shown, is_believed) in certificates {
        relay.show(&shown);
        let (accepted, failed) = (relay.accepted(), relay.failed());
        let said = check(&relay.url("https")).await;
        assert_eq!(said.contains("vector  fits"), is_believed, "{what}: {said}");
        assert_eq!(said.contains("cannot be asked"), !is_believed, "{what}: {said}");
        assert!(!said.contains(&vectors.key), "{what}: {said}");
        assert_eq!(relay.accepted() > accepted, is_believed, "{what}");
        if is_believed {
            assert_eq!(relay.failed(), failed, "{what}");
        } else {
            // The relay learns of the refusal after Lethe has given up.
            wait::until_true("the relay was refused", || async { relay.failed() > failed }).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_while_lethe_runs_is_no_proof_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    let redis = Redis::start().await;
    let mut site = Site::with_own_vectors(Layout::SQLITE).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let names = ids(&all);

    // Far longer than the start of Lethe takes.
    let until = Clock::system().now() + 20.seconds();
    let short = authority.sign_until("127.0.0.1", until);
    let relays = [
        Relay::before(address(&site.vectors.url), &short).await,
        Relay::before(&redis.address(), &short).await,
    ];
    let [engine, rings] = &relays;
    let stores = target(TARGET, site.memories.url(), &engine.url("https"), &site.vectors);
    let doorbell = rings.url("rediss");
    site.configure(|config| {
        let config = config.without_targets().targets(&stores);
        config.set("doorbell.url", doorbell).set("doorbell.tls", "verify")
    });
    let service = up(&site, &authority).await;
    let client = &service.client;
    client.succeeds(&json!({"select": {"ids": [names[0]]}})).await;
    wait::until_true("Redis is used", || is_rung(client)).await;

    wait::until_true("the certificate has expired", || async {
        Clock::system().now().as_second() > until.as_second()
    })
    .await;
    let accepted = relays.each_ref().map(Relay::accepted);
    let failed = relays.each_ref().map(Relay::failed);
    // Both servers restart, with the same certificate. TLS does not check the certificate of an open connection again.
    for relay in &relays {
        relay.show(&short);
    }
    let id = client.submit_ids(&names[1..2]).await;
    wait::until_true("both are tried again", || async {
        engine.failed() > failed[0] && rings.failed() > failed[1]
    })
    .await;
    assert_eq!(relays.each_ref().map(Relay::accepted), accepted);
    wait::until_true("Redis is not used", || async { !is_rung(client).await }).await;
    assert_eq!(client.job(&id).await["ended_at"], Value::Null);
    site.holds(&all[1..]).await;

    // Renewed certificates are accepted without a restart of Lethe, and nothing was lost.
    let renewed = authority.sign("127.0.0.1");
    for relay in &relays {
        relay.show(&renewed);
    }
    assert_eq!(client.ended(&id).await["state"], "succeeded");
    wait::until_true("Redis is used again", || is_rung(client)).await;
    site.holds(&all[2..]).await;
}
