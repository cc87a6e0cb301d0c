//! What accepting a deletion costs, and how soon idle workers begin.

use std::time::Duration;

use lethe_tests::layout::Layout;
use lethe_tests::service::Site;
use reqwest::Method;
use serde_json::json;

use crate::site;

/// How many deletions a second are accepted, and for how long.
const RATE: u32 = 500;
const SECONDS: u32 = 20;

/// Accepts single deletions at a steady rate, and prints what that took.
pub(crate) async fn accept() {
    let site = site().await;
    let api = site.api().await;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut running = tokio::task::JoinSet::new();
    for n in 0..RATE * SECONDS {
        // Counted from the time it was due, so that a stall is not left out.
        let due = ticks.tick().await;
        let body = json!({"select": {"ids": [format!("memory-{n}")]}});
        let request = api.client.request(Method::POST, "/v1/jobs").json(&body);
        running.spawn(async move {
            let status = request.send().await.unwrap().status();
            assert_eq!(status, 202);
            due.elapsed()
        });
    }
    let mut took = running.join_all().await;
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    println!(
        "accept: {} at {RATE}/s: p50 {:?}, p99 {:?}, most {:?}",
        took.len(),
        at(50),
        at(99),
        took[took.len() - 1]
    );
}

/// Submits single deletions to idle workers that poll once an hour, and prints how soon they began.
pub(crate) async fn pickup() {
    for (name, layout) in [
        ("one process", Layout::POSTGRES),
        ("one process, Redis", Layout::SQLITE_REDIS),
        ("processes, Redis", Layout::POSTGRES_REDIS),
    ] {
        let mut site = Site::new(layout).await;
        site.configure(|config| config.set("worker.poll", "1h"));
        let service = site.start().await;
        let mut waits = Vec::new();
        for n in 0..200 {
            let body = json!({"select": {"ids": [format!("memory-{n}")]}});
            let request = service
                .client
                .request(Method::POST, "/v1/jobs")
                .header("prefer", "wait=10")
                .json(&body);
            let job = service.client.send(request).await.body;
            let time = |name: &str| -> i128 { millis(job[name].as_str().unwrap()) };
            waits.push(time("started_at") - time("accepted_at"));
        }
        waits.sort_unstable();
        let at = |percent: usize| waits[waits.len() * percent / 100];
        println!("pickup: {name}: p50 {} ms, p99 {} ms", at(50), at(99));
    }
}

/// Returns the milliseconds since midnight of a time that the API wrote.
fn millis(time: &str) -> i128 {
    let (_, clock) = time.trim_end_matches('Z').split_once('T').unwrap();
    let mut parts = clock.split(':').map(|part| part.parse::<f64>().unwrap());
    let (hours, minutes, seconds) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    #[expect(clippy::cast_possible_truncation, reason = "a day has few milliseconds")]
    let millis = ((hours * 60.0 + minutes) * 60.0 + seconds).mul_add(1000.0, 0.5) as i128;
    millis
}
