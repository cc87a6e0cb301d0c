//! Refused acts are in the audit trail: each of the first ones, and the number of the others.

use lethe_tests::client::Client;
use lethe_tests::layout::Layout;
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(no_refusal_is_lost_when_the_process_ends);

const TIMES: u64 = 25;

async fn no_refusal_is_lost_when_the_process_ends(layout: Layout) {
    let site = Site::new(layout).await;
    let mut service = site.up().await;
    let asked = json!({"name": "weak", "scopes": ["jobs:read"]});
    let made = service.client.request(Method::POST, "/v1/keys").json(&asked);
    let made = service.client.send(made).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let weak = Client::new(service.client.url(), made.body["key"].as_str().unwrap());
    for _ in 0..TIMES {
        assert_eq!(weak.post("/v1/pause").await.status, StatusCode::FORBIDDEN);
    }
    service.process.terminate();
    assert!(service.process.exits().await.success(), "{}", service.process.log());

    let service = site.up().await;
    let answer = service.client.get("/v1/audit?actor=weak&act=pause").await;
    let events: &[Value] = answer.body["events"].as_array().unwrap();
    assert!(
        events.iter().all(|event| event["effect"] == "refused"),
        "{}",
        answer.text
    );
    let times: u64 = events
        .iter()
        .map(|event| event["details"]["times"].as_u64().unwrap())
        .sum();
    assert_eq!(times, TIMES, "{}", answer.text);
    assert!((2..=11).contains(&events.len()), "{}", answer.text);
}
