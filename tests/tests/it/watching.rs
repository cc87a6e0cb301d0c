//! Watching a job: each listener hears of each change, from any process.

use futures::StreamExt;
use lethe_tests::client::Client;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_every_layout;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::wait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_every_layout!(a_job_can_be_watched_until_its_end);

/// Reads events, (id, job), until the stream ends or `enough` returns `true`.
async fn events(client: &Client, id: &str, last: Option<u64>, enough: impl Fn(&Value) -> bool) -> Vec<(u64, Value)> {
    let mut request = client.request(Method::GET, &format!("/v1/jobs/{id}/events"));
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = response.bytes_stream();
    let (mut text, mut seen) = (String::new(), Vec::new());
    while let Some(bytes) = stream.next().await {
        text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                seen.push((id.parse().unwrap(), serde_json::from_str(data).unwrap()));
            }
            text = rest.to_owned();
        }
        if seen.last().is_some_and(|(_, job)| enough(job)) {
            break;
        }
    }
    seen
}

async fn a_job_can_be_watched_until_its_end(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", 10).set("worker.slots", 1));
    let all = memories::of("alice", 60);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 2, Side::Before);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;

    // A listener leaves, and comes back with the id of its last event.
    let first = wait::ends("the first event", events(&service.client, &id, None, |_| true)).await;
    let (version, job) = first.last().unwrap();
    assert_eq!(job["state"], "running", "{job:#}");
    deletion.release();
    let rest = events(&service.client, &id, Some(*version), |_| false);
    let rest = wait::ends("the end of the stream", rest).await;

    let seen = first.iter().chain(&rest);
    let seen: Vec<(u64, &Value)> = seen.map(|(version, job)| (*version, &job["waits_for"])).collect();
    // A version comes again if the job waits for another reason.
    let is_news = |(one, was): &(u64, &Value), (next, now): &(u64, &Value)| one < next || (one == next && was != now);
    assert!(seen.is_sorted_by(is_news), "{seen:?}");
    let (last, job) = rest.last().unwrap();
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(job["version"].as_u64(), Some(*last));
    let request = service.client.request(Method::GET, &format!("/v1/jobs/{id}/events"));
    let again = service
        .client
        .send(request.header("last-event-id", last.to_string()))
        .await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "{}", again.text);
    assert_eq!(service.client.job(&id).await["stores"], json!(job["stores"]));
}
