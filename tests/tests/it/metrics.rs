//! The metrics and the log of real processes: each event is there once, under names that the guide has.

use std::collections::BTreeSet;
use std::path::Path;

use lethe_tests::client::{Client, total};
use lethe_tests::cut::Cut;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{Service, Site};
use lethe_tests::wait;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::documents::ROOT;

/// Returns the callers of all processes.
fn clients(service: &Service) -> impl Iterator<Item = &Client> {
    let workers = service.workers.iter().map(|worker| &worker.client);
    workers.chain([&service.client])
}

/// Returns the job of each line with a message, sorted.
fn told(service: &Service, message: &str) -> Vec<String> {
    let workers = service.workers.iter().map(|worker| &worker.process);
    let mut told = Vec::new();
    for process in workers.chain([&service.process]) {
        let log = process.log();
        // The last line may be half written.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["message"] == message {
                let spans = line["spans"].as_array().into_iter().flatten();
                let id = spans.chain([&line]).find_map(|place| place["job.id"].as_str());
                told.push(id.unwrap_or_else(|| panic!("{line}")).to_owned());
            }
        }
    }
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn each_job_is_counted_and_logged_once_from_its_acceptance_to_its_end() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("worker.batch", 20));
    let all = memories::of("alice", 420);
    site.add(&all).await;
    let service = site.start().await;
    let client = &service.client;
    // Many partitions: some of the last ones end in one transaction.
    let mut started = vec![client.submit_ids(&ids(&all[..400])).await];
    for id in ids(&all[400..]) {
        started.push(client.submit_ids(&[id]).await);
    }
    for job in &started {
        client.ended(job).await;
    }
    // No worker sees this one.
    assert!(client.post("/v1/pause").await.status.is_success());
    let cancelled = client.submit_ids(&["nothing"]).await;
    let path = format!("/v1/jobs/{cancelled}/cancel");
    assert_eq!(client.post(&path).await.status, StatusCode::ACCEPTED);

    let mut accepted = [started.clone(), vec![cancelled]].concat();
    accepted.sort();
    started.sort();
    wait::until_true("each end is logged", || async {
        told(&service, "a job has ended").len() >= accepted.len()
    })
    .await;
    assert_eq!(told(&service, "a job has ended"), accepted);
    assert_eq!(told(&service, "a job has started"), started);
    assert_eq!(told(&service, "a job was accepted"), accepted);
    let all = f64::from(u32::try_from(accepted.len()).unwrap());
    let (mut ends, mut starts) = (0.0, 0.0);
    for client in clients(&service) {
        ends += client.metrics().await["lethe_job_duration_seconds_count"];
    }
    for worker in &service.workers {
        starts += worker.client.metrics().await["lethe_queue_wait_seconds_count"];
    }
    assert!((ends - all).abs() < 0.5, "{ends} ends of {all} jobs");
    assert!((starts - all + 1.0).abs() < 0.5, "{starts} starts of {all} jobs");
    let ended = total(client, "lethe_jobs_ended_total", "").await;
    assert!((ended - all).abs() < 0.5, "{ended} of {all} jobs");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_show_the_metrics_of_the_guide_without_the_labels_of_prometheus() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let service = site.start().await;
    service.client.succeeds(&json!({"select": {"ids": ["nothing"]}})).await;

    let mut shown = BTreeSet::new();
    for client in clients(&service) {
        let page = client.get("/metrics").await.text;
        for line in page.lines() {
            let name = line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next());
            shown.extend(name.filter(|name| name.starts_with("lethe_")).map(str::to_owned));
            for label in ["job", "instance"] {
                let is_there = line.contains(&format!("{{{label}=")) || line.contains(&format!(",{label}="));
                assert!(!is_there, "{line}");
            }
        }
        wait::until_true("processor time is counted", || async {
            client.metrics().await["process_cpu_seconds_total"].fract() > 0.0
        })
        .await;
    }
    let guide = std::fs::read_to_string(Path::new(ROOT).join("docs/src/reference/metrics.md")).unwrap();
    let names = guide.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = names.filter_map(|rest| rest.split('`').next());
    let mut known: BTreeSet<String> = names.map(str::to_owned).collect();
    assert!(
        known.remove("lethe_certificate_expiry_timestamp_seconds"),
        "of TLS only"
    );
    assert_eq!(shown, known);

    let worker = service.workers[0].client.metrics().await;
    let counts = |class: &str, code: &str| {
        worker.contains_key(&format!("lethe_retries_total{{class=\"{class}\",code=\"{code}\"}}"))
    };
    assert!(counts("permanent", "poison") && counts("transient", "timeout"));
    assert!(!counts("permanent", "timeout") && !counts("transient", "poison"));
    let buckets = "lethe_http_request_duration_seconds_bucket";
    let minute = total(&service.client, buckets, "le=\"60\"").await;
    assert!(minute > 0.5, "requests may take a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_shows_its_own_metrics_at_once_while_the_ledger_is_silent() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    let (cut, through) = Cut::in_front_of(site.ledger.as_deref().unwrap());
    site.configure(|config| config.set("ledger.url", through));
    let service = site.api().await;
    let client = &service.client;
    // Connections stay open, and nothing arrives.
    cut.stall();
    let page = tokio::select! {
        biased;
        page = client.get("/metrics") => page,
        // It waits two seconds for the ledger.
        _ = client.get("/readyz") => panic!("the metrics wait for the ledger"),
    };
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(
        page.text.contains("lethe_dependency_up{dependency=\"ledger\"} 0"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("lethe_jobs_accepted_total"), "{}", page.text);
    cut.restore();
    wait::until_true("the numbers of the service are back", || async {
        client.get("/metrics").await.text.contains("lethe_jobs_accepted_total")
    })
    .await;
}
