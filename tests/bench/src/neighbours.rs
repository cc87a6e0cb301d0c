//! Measures jobs of a target while the vector store of another target hangs, and alone.

use std::time::{Duration, Instant};

use lethe_tests::memories;
use lethe_tests::neighbours::{Illness, Neighbours, SICK, Store, purge, subject, submit_each};
use lethe_tests::service::{Service, TARGET};
use serde_json::Value;

use crate::ended;

/// The number of small jobs, and the number of memories of a subject and of a purge.
const SMALL_JOBS: usize = 300;
const SUBJECT: usize = 10_000;
const PURGE: usize = 50_000;

/// The number of runs. The median counts.
const TIMES: usize = 3;

/// The limit of the ratio to the time alone.
const BOUND: f64 = 2.0;

const KINDS: [&str; 3] = ["small jobs", "subject", "purge"];

pub(crate) async fn neighbours() {
    let mut lethe = Neighbours::new().await;
    lethe.site.configure(|config| {
        config
            .set("log.level", "warn,lethe_cli=info,lethe=info")
            .set("worker.slots", 8)
    });
    let mut service = lethe.site.api().await;
    service.workers.push(lethe.site.worker().await);
    for target in [TARGET, SICK] {
        run(&lethe, &service, target, [1, 1, 1]).await;
    }
    // A first run opens the connections and makes the plans of large jobs, which are not measured.
    run(&lethe, &service, TARGET, [SMALL_JOBS, SUBJECT, PURGE]).await;
    let alone = median(&lethe, &service).await;

    for (user, n) in [("sue", SUBJECT), ("pat", PURGE)] {
        lethe.add(SICK, &memories::of(user, n)).await;
    }
    lethe.falls_ill(Store::Vector, Illness::Hangs);
    submit_each(&service, SICK, &memories::of("sam", SMALL_JOBS)).await;
    for job in [subject(SICK, "sue"), purge(SICK, "pat")] {
        service.client.submit(&job).await;
    }
    let beside = median(&lethe, &service).await;
    for ((kind, alone), beside) in KINDS.iter().zip(alone).zip(beside) {
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        let verdict = if ratio <= BOUND { "within" } else { "BEYOND" };
        println!(
            "neighbours: {kind}: alone {alone:.2?}, beside a vector store that hangs {beside:.2?}: ratio {ratio:.2}, \
             {verdict} {BOUND}"
        );
    }
}

/// Returns the median times of each kind.
async fn median(lethe: &Neighbours, service: &Service) -> [Duration; 3] {
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..TIMES {
        let took = run(lethe, service, TARGET, [SMALL_JOBS, SUBJECT, PURGE]).await;
        for (times, took) in times.iter_mut().zip(took) {
            times.push(took);
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[TIMES / 2]
    })
}

/// Runs jobs of each kind on a target, one kind after another. Returns the time of each kind.
async fn run(lethe: &Neighbours, service: &Service, target: &str, sizes: [usize; 3]) -> [Duration; 3] {
    let [small, subjects, purged] = sizes;
    let all = memories::of("tom", small);
    lethe.add(target, &all).await;
    let start = Instant::now();
    for id in submit_each(service, target, &all).await {
        ended(service, &id).await;
    }
    let small = start.elapsed();
    [
        small,
        large(lethe, service, target, "uma", subjects, subject).await,
        large(lethe, service, target, "vic", purged, purge).await,
    ]
}

async fn large(
    lethe: &Neighbours,
    service: &Service,
    target: &str,
    user: &str,
    n: usize,
    job: fn(&str, &str) -> Value,
) -> Duration {
    lethe.add(target, &memories::of(user, n)).await;
    let request = || {
        service
            .client
            .request(reqwest::Method::POST, "/v1/jobs")
            .json(&job(target, user))
    };
    let mut start = Instant::now();
    let mut answer = service.client.send(request()).await;
    // The API refuses a query with 503 until a worker has reported the column types.
    while answer.status == 503 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        start = Instant::now();
        answer = service.client.send(request()).await;
    }
    ended(service, &answer.accepted()).await;
    start.elapsed()
}
