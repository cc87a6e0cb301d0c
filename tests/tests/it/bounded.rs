//! A process' memory does not grow with the size of a job.

use futures::future::join_all;
use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory};
use lethe_tests::service::Site;
use reqwest::{Method, StatusCode};
use serde_json::json;

/// The memory that a job ten times as large may add, in KiB: the allocator's variance, and less than a tenth of
/// 100,000 ids with their outcomes.
const MORE: u64 = 16 * 1_024;

/// Returns the peak memory of a process, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Uploads ids to a new API, has a new worker erase them, and returns the peak memory of both.
async fn peaks(site: &Site, gone: &[Memory]) -> (u64, u64) {
    let service = site.api().await;
    let worker = site.worker().await;
    let lines: Vec<String> = gone.iter().map(|memory| json!(memory.id).to_string()).collect();
    let request = service
        .client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson");
    let id = service.client.send(request.body(lines.join("\n"))).await.accepted();
    let job = service.client.ended(&id).await;
    let expected = json!({"erased": gone.len()});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}));
    (peak(service.process.id()), peak(worker.process.id()))
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_as_many_ids_need_no_more_memory() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let all = memories::of("alice", 110_000);
    site.add(&all).await;
    let (few, many) = all.split_at(10_000);

    let small = peaks(&site, few).await;
    let large = peaks(&site, many).await;

    assert!(large.0 < small.0 + MORE, "the API: {large:?} KiB after {small:?}");
    assert!(large.1 < small.1 + MORE, "the worker: {large:?} KiB after {small:?}");
    site.holds(&[]).await;
}

/// Returns a body of the maximum size, with values that need many times their bytes in memory.
fn values(part: &str) -> String {
    format!(r#"{{"query":[{}0]}}"#, part.repeat(((16 << 20) - 32) / part.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_many_values_needs_no_more_memory_than_its_bytes() {
    let site = Site::new(Layout::SQLITE).await;
    let service = site.up().await;
    let before = peak(service.process.id());
    for path in ["/v1/jobs", "/memories/_delete_by_query", "/v1/schedules/all"] {
        let method = if path.ends_with("all") {
            Method::PUT
        } else {
            Method::POST
        };
        for part in [r#"{"":0},"#, "[],", "0,", r#""","#] {
            let request = service.client.request(method.clone(), path);
            let request = request.header("content-type", "application/json").body(values(part));
            let answer = service.client.send(request).await;
            assert_eq!(
                answer.status,
                StatusCode::PAYLOAD_TOO_LARGE,
                "{path} {part}: {}",
                answer.text
            );
        }
    }
    let more = peak(service.process.id()) - before;
    // The body, and freed memory that the allocator keeps.
    assert!(more < 64 * 1_024, "{more} KiB more");
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_uploads_of_long_ids_need_little_memory() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let service = site.api().await;
    let before = peak(service.process.id());
    // Batches of a thousand such ids have four megabytes each.
    let long = "\u{1d11e}".repeat(950);
    let uploads = (0..8).map(|upload| {
        let lines: Vec<String> = (0..2_500).map(|n| format!("{upload}-{n}-{long}\n")).collect();
        let request = service.client.request(Method::POST, "/v1/jobs");
        let request = request
            .header("content-type", "application/x-ndjson")
            .body(lines.concat());
        service.client.send(request)
    });
    for answer in join_all(uploads).await {
        answer.accepted();
        assert_eq!(answer.body["selected"], 2_500);
    }
    let more = peak(service.process.id()) - before;
    assert!(more < 96 * 1_024, "{more} KiB more");
}
