//! Bad input: each request is answered with a problem that says what to change, and nothing is touched.

use lethe_tests::client::{Answer, Client};
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(bad_input_is_refused_by_name_and_nothing_is_touched);

fn refused(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status.as_u16(), status, "{says}: {}", answer.text);
    assert_eq!(
        answer.headers["content-type"], "application/problem+json",
        "{}",
        answer.text
    );
    assert_eq!(answer.body["status"], status, "{}", answer.text);
    assert!(
        answer.body["type"].is_string() && answer.body["title"].is_string(),
        "{}",
        answer.text
    );
    assert!(answer.text.contains(says), "`{says}` is not in {}", answer.text);
}

async fn post(client: &Client, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = client.request(Method::POST, "/v1/jobs").header("content-type", kind);
    client.send(request.body(body)).await
}

async fn bad_input_is_refused_by_name_and_nothing_is_touched(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("api.max_body", "64KiB").set("api.max_id_length", 100));
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.start().await;
    let client = &service.client;
    let id = all[0].id.as_str();
    let with = |name: &str, value: Value| {
        let mut body = json!({"select": {"ids": [id]}});
        body[name] = value;
        body
    };

    let long = "x".repeat(101);
    let cases: Vec<(Value, u16, &str)> = vec![
        (json!({}), 400, "select"),
        (json!({"select": {}}), 400, "select"),
        (json!({"select": {"ids": []}}), 400, "select.ids"),
        (
            json!({"select": {"ids": [id], "subject": {"user_id": "alice"}}}),
            400,
            "select",
        ),
        (json!({"select": {"subject": {}}}), 400, "select.subject"),
        (json!({"select": {"ids": [id, 7]}}), 400, "select.ids[1]"),
        (json!({"select": {"ids": [id, long]}}), 400, "select.ids[1]"),
        (json!({"select": {"ids": [""]}}), 400, "select.ids[0]"),
        // An invalid field is refused by name, never accepted and ignored.
        (json!({"select": {"query": {}}}), 400, "query"),
        (with("callback_url", json!("http://example.com")), 400, "callback_url"),
        (with("expect", json!(3)), 400, "expect"),
        (with("limit", json!(0)), 400, "limit"),
        (with("limit", json!(-1)), 400, "limit"),
        (with("per_second", json!(0)), 400, "per_second"),
        (with("target", json!("elsewhere")), 400, "main"),
        (with("table", json!("elsewhere")), 400, "memories"),
        (with("workspace", json!("w")), 400, "workspace"),
        (with("not_before", json!("2001-01-01T00:00:00Z")), 400, "not_before"),
        (with("not_before", json!("9001-01-01T00:00:00Z")), 400, "not_before"),
        (with("not_before", json!("tomorrow")), 400, "not_before"),
    ];
    for (body, status, says) in cases {
        let answer = post(client, "application/json", body.to_string()).await;
        // The API may call a body malformed (400) or invalid (422).
        let status = if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            422
        } else {
            status
        };
        refused(&answer, status, says);
        assert!(!answer.text.contains(id), "no id comes back: {}", answer.text);
    }
    refused(&post(client, "application/json", "{\"select\":").await, 400, "");
    refused(&post(client, "text/plain", "{}").await, 415, "application/json");
    let large = json!({"select": {"ids": vec!["x"; 40_000]}}).to_string();
    refused(&post(client, "application/json", large).await, 413, "");
    let lines = format!("{}\n17\n{}\n", json!(all[1].id), json!(all[2].id));
    let answer = post(client, "application/x-ndjson", lines).await;
    let status = answer.status.as_u16();
    refused(&answer, status, "line 2");
    assert!(answer.status.is_client_error());

    let stranger = Client::new(client.url(), "lethe_not-a-key");
    refused(&stranger.get("/v1/jobs").await, 401, "");
    let nowhere = uuid::Uuid::now_v7();
    refused(&client.get(&format!("/v1/jobs/{nowhere}")).await, 404, "");
    refused(&client.post(&format!("/v1/jobs/{nowhere}/cancel")).await, 404, "");
    refused(&client.get("/v1/no-such-route").await, 404, "");

    assert_eq!(client.get("/v1/jobs").await.body["jobs"], json!([]));
    client
        .succeeds(&json!({"select": {"ids": ids(&memories::of("nobody", 1))}}))
        .await;
    site.holds(&all).await;
}
