//! The right alert fires for each failure, and no other: real processes, a real Prometheus, and the alerts' own rules in
//! a hurry.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lethe_tests::cut::Cut;
use lethe_tests::layout::Layout;
use lethe_tests::prometheus::Prometheus;
use lethe_tests::redis;
use lethe_tests::service::{Service, Site};
use lethe_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

/// The interval between looks at the alerts, and between jobs.
const LOOK: Duration = Duration::from_millis(250);

/// Starts a service with jobs, and a Prometheus that has found all of it well.
async fn watched(site: &Site) -> (Service, Prometheus) {
    let service = site.start().await;
    let prometheus = Prometheus::start().await;
    prometheus.scrape("lethe-api", [&service.client]);
    prometheus.scrape("lethe-worker", service.workers.iter().map(|worker| &worker.client));
    let client = service.client.clone();
    tokio::spawn(async move {
        loop {
            let id = uuid::Uuid::now_v7().to_string();
            let request = client.request(Method::POST, "/v1/jobs");
            // The API refuses it while the ledger is away.
            drop(client.try_send(request.json(&json!({"select": {"ids": [id]}}))).await);
            tokio::time::sleep(LOOK).await;
        }
    });
    for (query, value) in [("count(up == 1)", 3.0), ("min(lethe_dependency_up)", 1.0)] {
        until(&prometheus, query, value).await;
    }
    until(&prometheus, "max(lethe_jobs_ended_total) > bool 5", 1.0).await;
    (service, prometheus)
}

/// Waits until a query has a value.
async fn until(prometheus: &Prometheus, query: &str, value: f64) {
    wait::until_true(query, || async {
        let found = prometheus.value(query).await;
        found.is_some_and(|found| (found - value).abs() < 0.5)
    })
    .await;
}

/// Waits until an alert fires, and looks on for a while. Fails if another one fires.
async fn only(prometheus: &Prometheus, alert: &str) {
    let expected = BTreeSet::from([alert.to_owned()]);
    let (start, mut looks) = (Instant::now(), 0);
    // An alert that is wrong may be a little slower than the right one.
    while looks < 40 {
        let firing = prometheus.firing().await;
        assert!(firing.is_subset(&expected), "{firing:?} instead of {alert}");
        looks += u32::from(!firing.is_empty());
        assert!(start.elapsed() < wait::DEADLINE, "timed out: {alert}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until no alert fires. Fails if another one fires meanwhile.
async fn ends(prometheus: &Prometheus, alert: &str) {
    let expected = BTreeSet::from([alert.to_owned()]);
    wait::until_true("no alert fires", || async {
        let firing = prometheus.firing().await;
        assert!(firing.is_subset(&expected), "{firing:?} after {alert}");
        firing.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_fires_that_one_worker_is_gone() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let (mut service, prometheus) = watched(&site).await;
    // The last report of a worker shows that no start after it replaced another one.
    wait::until_true("both workers have reported since both started", || async {
        let answer = service.client.get("/v1/workers").await.body;
        let workers = answer["workers"].as_array().unwrap();
        let time = |worker: &Value, name: &str| -> Timestamp { worker[name].as_str().unwrap().parse().unwrap() };
        let started = workers.iter().map(|worker| time(worker, "started_at")).max();
        workers.len() == 2
            && workers
                .iter()
                .all(|worker| Some(time(worker, "last_seen_at")) > started)
    })
    .await;
    let mut killed = service.workers.remove(0);
    killed.process.kill();
    only(&prometheus, "LetheWorkerGone").await;
    // Discovery drops it, as it drops a container that is gone.
    prometheus.scrape("lethe-worker", [&service.workers[0].client]);
    until(&prometheus, "count(up{job=\"lethe-worker\"})", 1.0).await;
    only(&prometheus, "LetheWorkerGone").await;

    let new = site.worker().await;
    prometheus.scrape("lethe-worker", [&service.workers[0].client, &new.client]);
    ends(&prometheus, "LetheWorkerGone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_fires_a_warning_about_redis() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    let (cut, through) = Cut::in_front_of(&redis::shared());
    site.configure(|config| config.set("doorbell.url", through));
    let (_service, prometheus) = watched(&site).await;
    cut.refuse();
    only(&prometheus, "LetheDoorbellDown").await;
    cut.restore();
    ends(&prometheus, "LetheDoorbellDown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_restarts_fires_nothing_and_one_that_stays_away_fires_that_it_is_down() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    let (cut, through) = Cut::in_front_of(site.ledger.as_deref().unwrap());
    site.configure(|config| config.set("ledger.url", through));
    let (_service, prometheus) = watched(&site).await;
    cut.refuse();
    until(&prometheus, "min(lethe_dependency_up{dependency=\"ledger\"})", 0.0).await;
    cut.restore();
    until(&prometheus, "min(lethe_dependency_up{dependency=\"ledger\"})", 1.0).await;
    assert_eq!(prometheus.firing().await, BTreeSet::new());

    cut.refuse();
    only(&prometheus, "LetheDependencyDown ledger").await;
    cut.restore();
    ends(&prometheus, "LetheDependencyDown ledger").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_store_that_hangs_fires_that_it_is_down() {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    let url = site.tap.url();
    let (cut, through) = Cut::in_front_of(&url);
    site.configure(|config| config.short_leases().replace(&url, &through));
    let (_service, prometheus) = watched(&site).await;
    cut.stall();
    only(&prometheus, "LetheDependencyDown main/vector").await;
    cut.restore();
    ends(&prometheus, "LetheDependencyDown main/vector").await;
}
