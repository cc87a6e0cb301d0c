//! Legal holds: no job erases a memory that a hold keeps, by whatever route the job came, and whenever the hold was
//! placed.

mod killed;
mod release;
mod routes;
mod steps;

use lethe_common::receipt::Envelope;
use lethe_tests::by_query::with;
use lethe_tests::client::Client;
use lethe_tests::memories::{Memory, ids};
use lethe_tests::service::{Site, TARGET};
use lethe_tests::wait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The ground of the holds.
const GROUND: &str = "17(3)(e)";

/// The kinds of holds.
const KINDS: [&str; 5] = ["persons", "ids", "workspaces", "query", "everything"];

/// Maps the column of the workspace too.
// With the line's end, since the payload's fields have the same names.
fn with_workspaces(site: &mut Site) {
    let agent = "agent = \"agent_id\" }\n";
    site.configure(|config| config.replace(agent, "agent = \"agent_id\", workspace = \"team_id\" }\n"));
}

/// Writes memories, each in a workspace with the name of its owner.
async fn add(site: &Site, memories: &[Memory]) {
    site.add(memories).await;
    let workspaces = "UPDATE agno_memories SET team_id = user_id WHERE team_id IS NULL";
    site.memories.run(workspaces).await;
}

/// Returns a hold of a kind on these memories, which are all memories of one person.
fn on(kind: &str, memories: &[Memory]) -> Value {
    let person = &memories[0].user;
    let mut hold = json!({"target": TARGET, "table": "memories"});
    hold[kind] = match kind {
        "persons" | "workspaces" => json!([person]),
        "ids" => json!(ids(memories)),
        "query" => json!({"eq": {"user_id": person}}),
        _ => json!(true),
    };
    hold
}

/// Places a hold. Returns the answer.
async fn place(client: &Client, name: &str, hold: Value) -> Value {
    let hold = with(hold, "ground", GROUND);
    let request = client.request(Method::PUT, &format!("/v1/holds/{name}"));
    let answer = client.send(request.json(&hold)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.body
}

/// Places a hold on all memories of a person.
async fn place_on(client: &Client, person: &str) -> Value {
    place(client, "case-77", json!({"persons": [person]})).await
}

/// Releases a hold.
async fn release(client: &Client, name: &str) {
    let request = client.request(Method::DELETE, &format!("/v1/holds/{name}"));
    let answer = client.send(request).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
}

/// Waits until a job is held or has ended. Returns the job.
async fn rested(client: &Client, id: &str) -> Value {
    let rests = |job: &Value| job["state"] == "held" || !job["ended_at"].is_null();
    client.when(id, "it is held or has ended", rests).await
}

/// Waits until a job is held. Returns the job.
async fn held(client: &Client, id: &str) -> Value {
    let job = rested(client, id).await;
    assert_eq!(job["state"], "held", "{job:#}");
    assert!(job["ended_at"].is_null(), "{job:#}");
    job
}

/// Waits until a job has ended, and asserts that it succeeded. Returns the job.
async fn succeeded(client: &Client, id: &str) -> Value {
    let job = client.ended(id).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    job
}

/// Asserts that each ending of a job has exactly one receipt, and that these are their states.
async fn has_receipts(client: &Client, job: &str, states: &[&str]) {
    let listed = client.get(&format!("/v1/receipts?job={job}")).await;
    let receipts = listed.body["receipts"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", listed.text));
    let mut endings: Vec<(u64, &str)> = receipts
        .iter()
        .map(|receipt| (receipt["ending"].as_u64().unwrap(), receipt["state"].as_str().unwrap()))
        .collect();
    endings.sort_unstable();
    let expected: Vec<(u64, &str)> = (1..).zip(states.iter().copied()).collect();
    assert_eq!(endings, expected, "{}", listed.text);
}

/// Waits until the receipt of a job's last ending is signed. Returns its statement.
async fn statement(client: &Client, job: &str) -> Value {
    let path = format!("/v1/jobs/{job}/receipt");
    let signed = wait::until("the receipt is signed", || async {
        let answer = client.get(&path).await;
        (answer.status == StatusCode::OK).then_some(answer.body)
    })
    .await;
    let envelope: Envelope = serde_json::from_value(signed).unwrap();
    let payload: Value = serde_json::from_slice(&envelope.payload_bytes().unwrap()).unwrap();
    payload["erasure"].clone()
}
