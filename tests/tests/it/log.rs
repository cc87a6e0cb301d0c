//! The log across processes: one process leads, another takes over, and a sequencer signs if APIs do not.

use lethe_tests::client::Client;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::Site;
use lethe_tests::wait;
use reqwest::StatusCode;

/// Erases a memory of a person, and returns the path of the job's receipt.
async fn erased(site: &Site, client: &Client, person: &str) -> String {
    let memory = memories::of(person, 1);
    site.add(&memory).await;
    let id = client.submit_ids(&ids(&memory)).await;
    client.ended(&id).await;
    format!("/v1/jobs/{id}/receipt")
}

/// Waits until a receipt is signed, and its proof leads to a checkpoint.
async fn signed(client: &Client, receipt: &str) {
    wait::until_true("the receipt is signed", || async {
        let answer = client.get(receipt).await;
        answer.status == StatusCode::OK && answer.body["tlog_proof"].is_string()
    })
    .await;
}

/// Returns the number of entries in the newest checkpoint.
async fn size(client: &Client) -> u64 {
    let checkpoint = client.get("/log/checkpoint").await.text;
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_signs_if_apis_do_not() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("receipts.sequence", false));
    let service = site.start().await;
    let client = &service.client;
    let receipt = erased(&site, client, "alice").await;
    let pending = client.get(&receipt).await;
    assert_eq!(pending.status, StatusCode::SERVICE_UNAVAILABLE, "{}", pending.text);
    assert_eq!(pending.headers["retry-after"], "1");
    assert!(client.metrics().await["lethe_receipts_unsequenced"] > 0.5);

    let mut sequencer = site.role("sequence");
    signed(client, &receipt).await;
    let next = erased(&site, client, "bob").await;
    signed(client, &next).await;
    let metrics = client.metrics().await;
    assert!(metrics["lethe_receipts_unsequenced"] < 0.5);
    assert!(metrics["lethe_log_entries_total"] >= 2.0);
    sequencer.terminate();
    assert!(sequencer.exits().await.success(), "{}", sequencer.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_api_goes_on_with_the_log_of_one_that_was_killed() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let mut leader = site.start().await;
    signed(&leader.client, &erased(&site, &leader.client, "alice").await).await;
    let before = size(&leader.client).await;
    let other = site.api().await;
    leader.process.kill();

    let receipt = erased(&site, &other.client, "bob").await;
    signed(&other.client, &receipt).await;
    assert!(size(&other.client).await > before);
}
