//! The benchmark measures accepts, the pick-up by idle workers, and a large job beside a bare loop of the same deletes.
//! It measures the memory of a worker, a ledger with many past jobs, and an idle service with an empty or a long queue.
//! Purges by query run beside a bare loop, by size, and with two workers at a distance from the stores. The last
//! measurement runs jobs while a store of another target hangs.
//!
//! `tests/run bench` starts PostgreSQL and runs it. Rates depend on the machine, so compare the ratios of one run.
//! Arguments choose measurements: `accept`, `pickup`, `singles`, `wait`, `erase`, `memory`, `past`, `query`, `linear`,
//! `scale`, `idle`, `backlog`, `neighbours`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "it answers on its terminal")]

mod neighbours;
mod query;
mod singles;
mod standing;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory};
use lethe_tests::service::{Service, Site};
use qdrant_client::qdrant::{DeletePointsBuilder, FieldType, PointId, PointsIdsList};
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgPool;

/// The deletions accepted per second, and the seconds that this lasts.
const RATE: u32 = 500;
const SECONDS: u32 = 20;

/// The number of past jobs in an old ledger.
const PAST: u32 = 10_000_000;

/// The number of memories of the large job.
const LARGE: usize = 100_000;

/// The batch of both the job and the bare loop.
const BATCH: usize = 1_000;

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let named: Vec<String> = std::env::args().skip(1).collect();
    let runs = |name: &str| named.is_empty() || named.iter().any(|named| named == name);
    if runs("accept") {
        Box::pin(accept()).await;
    }
    if runs("pickup") {
        Box::pin(pickup()).await;
    }
    if runs("singles") {
        Box::pin(singles::singles()).await;
    }
    if runs("wait") {
        Box::pin(singles::wait()).await;
    }
    if runs("erase") {
        Box::pin(erase()).await;
    }
    if runs("memory") {
        Box::pin(memory()).await;
    }
    if runs("past") {
        Box::pin(past()).await;
    }
    if runs("query") {
        Box::pin(query::query()).await;
    }
    if runs("linear") {
        Box::pin(query::linear()).await;
    }
    if runs("scale") {
        Box::pin(query::scale()).await;
    }
    if runs("idle") {
        Box::pin(standing::idle()).await;
    }
    if runs("backlog") {
        Box::pin(standing::backlog()).await;
    }
    if runs("neighbours") {
        Box::pin(neighbours::neighbours()).await;
    }
}

/// A site as production has it: an API, Redis, PostgreSQL, and the defaults of the configuration.
async fn site() -> Site {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.without_tap();
    site.configure(|config| {
        config
            .set("log.level", "warn,lethe_cli=info,lethe=info")
            .set("worker.slots", 8)
            .set("worker.poll", "1s")
    });
    // As `lethe targets check` advises: without these indexes each look for points scans all of them.
    for field in ["memory_id", "user_id"] {
        site.vectors.index(field, FieldType::Keyword).await;
    }
    site
}

/// Accepts single deletions at a steady rate, and prints the latencies.
async fn accept() {
    let site = site().await;
    let api = site.api().await;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut running = tokio::task::JoinSet::new();
    for n in 0..RATE * SECONDS {
        // Measured from the due time, so that a stall counts.
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
async fn pickup() {
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

/// Runs the deletes in a bare loop, and erases two large jobs. The first one meets fresh processes, the second
/// one the same processes with open connections.
async fn erase() {
    let site = site().await;
    let [bare, cold, warm] = ["ben", "ana", "cleo"].map(|user| memories::of(user, LARGE));
    // Autovacuum would clean up after one run in the time of the next.
    let unswept = "ALTER TABLE agno_memories SET (autovacuum_enabled = false)";
    site.memories.run(unswept).await;
    for memories in [&bare, &cold, &warm] {
        site.add(memories).await;
    }

    let (before, start) = (Cpu::now(), Instant::now());
    let connection = bare_loop(&site, &bare).await;
    let alone = start.elapsed();
    report("erase", LARGE, "bare loop", alone, &before);
    connection.close().await;

    let service = site.start().await;
    for (name, memories) in [("just started", cold), ("running", warm)] {
        let body = lines(&memories);
        let (before, start) = (Cpu::now(), Instant::now());
        let id = upload(&service, body).await;
        let accepted = start.elapsed();
        ended(&service, &id).await;
        let lethe = start.elapsed();
        report("erase", LARGE, name, lethe, &before);
        let ratio = lethe.as_secs_f64() / alone.as_secs_f64();
        println!("erase: {name}: ratio {ratio:.2}; upload {accepted:.2?} of it");
    }
    site.holds(&[]).await;
    for worker in &service.workers {
        for (series, seconds) in worker.client.metrics().await {
            if series.starts_with("lethe_store_call_duration_seconds_sum") && seconds > 0.0 {
                println!("erase: {series} {seconds:.2}");
            }
        }
    }
}

fn report(what: &str, n: usize, name: &str, took: Duration, before: &Cpu) {
    let used = Cpu::now().since(before);
    let rate = f64::from(u32::try_from(n).unwrap()) / took.as_secs_f64();
    println!("{what}: {n} memories: {name}: {took:.2?} ({rate:.0}/s); seconds of processors: {used}");
}

/// The least work that deletes the memories: by id, one batch after another, from both stores.
async fn bare_loop(site: &Site, memories: &[Memory]) -> PgPool {
    let pool = PgPool::connect(site.memories.url()).await.unwrap();
    let client = site.vectors.client();
    for batch in memories.chunks(BATCH) {
        let ids = batch.iter().map(|memory| PointId::from(memory.id.as_str())).collect();
        let points = DeletePointsBuilder::new(&site.vectors.collection)
            .points(PointsIdsList { ids })
            .wait(true);
        client.delete_points(points).await.unwrap();
        let ids: Vec<&str> = memories::ids(batch);
        sqlx::query("DELETE FROM agno_memories WHERE memory_id = ANY($1)")
            .bind(ids)
            .execute(&pool)
            .await
            .unwrap();
    }
    // The pool stays open, so that its backend's processor time can be read.
    pool
}

/// Runs one job of each size on a fresh worker, and prints the peak memory.
async fn memory() {
    let mut peaks = Vec::new();
    for n in [10_000, 1_000_000] {
        let site = site().await;
        let all = memories::of("ana", n);
        site.add(&all).await;
        let mut service = site.api().await;
        let worker = site.worker().await;
        let id = upload(&service, lines(&all)).await;
        ended(&service, &id).await;
        let (of_worker, of_api) = (peak(worker.process.id()), peak(service.process.id()));
        println!("memory: {n} ids: worker {of_worker} MiB at most, api {of_api} MiB");
        peaks.push(of_worker);
        service.workers.push(worker);
    }
    println!("memory: ratio {:.2}", peaks[1] / peaks[0]);
}

/// Erases memories one by one with an empty ledger, and with a ledger of many past jobs. Prints the latencies.
async fn past() {
    let mut medians = Vec::new();
    for jobs in [0, PAST] {
        let site = site().await;
        let service = site.start().await;
        let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
        sqlx::query(
            "INSERT INTO jobs (id, principal, state, kind, target, targets, table_name, dry_run, not_before, accepted_at,
                started_at, ended_at, touched_at, forgotten_at, cleared, summary)
             SELECT gen_random_uuid()::text, 'bench', 'succeeded', 'ids', 'main', 'main', 'memories', 0, t, t, t, t, t, t, 1, '[]'
             FROM (SELECT (extract(epoch FROM now()) * 1000)::bigint - n AS t FROM generate_series(1, $1) AS n) AS times",
        )
        .bind(i64::from(jobs))
        .execute(&ledger)
        .await
        .unwrap();
        let mut took = Vec::new();
        for n in 0..500 {
            let body = json!({"select": {"ids": [format!("memory-{n}")]}});
            let request = service
                .client
                .request(Method::POST, "/v1/jobs")
                .header("prefer", "wait=10")
                .json(&body);
            let start = Instant::now();
            assert_eq!(service.client.send(request).await.status, 200);
            took.push(start.elapsed());
        }
        took.sort_unstable();
        println!(
            "past: {jobs} jobs remembered: one memory p50 {:?}, p99 {:?}",
            took[250], took[495]
        );
        medians.push(took[250]);
    }
    println!("past: ratio {:.2}", medians[1].as_secs_f64() / medians[0].as_secs_f64());
}

/// Returns the upload body of these memories.
fn lines(memories: &[Memory]) -> String {
    let mut lines = String::new();
    for memory in memories {
        lines.push_str(&json!(memory.id).to_string());
        lines.push('\n');
    }
    lines
}

async fn upload(service: &Service, body: String) -> String {
    let request = service
        .client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson")
        .body(body);
    service.client.send(request).await.accepted()
}

async fn ended(service: &Service, id: &str) {
    loop {
        let job = service.client.job(id).await;
        match job["state"].as_str().unwrap() {
            "succeeded" => return,
            "failed" | "cancelled" => panic!("{job}"),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The processor time of processes, by name. Unlike elapsed time, it hardly depends on other work of the machine.
struct Cpu(BTreeMap<String, f64>);

impl Cpu {
    fn now() -> Self {
        let mut used = BTreeMap::new();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            // A process may end between the listing and the read.
            let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else {
                continue;
            };
            let Some((name, rest)) = stat.split_once('(').and_then(|(_, stat)| stat.rsplit_once(')')) else {
                continue;
            };
            // proc(5): utime and stime are the 14th and 15th field, in hundredths of a second.
            let times = rest.split_whitespace().skip(11).take(2);
            let ticks: f64 = times.map(|ticks| ticks.parse::<f64>().unwrap()).sum();
            *used.entry(name.to_owned()).or_default() += ticks / 100.0;
        }
        Self(used)
    }

    /// Returns the processor time since `before` of the processes in the benchmark.
    fn since(&self, before: &Self) -> String {
        let used = |name: &str| self.0.get(name).unwrap_or(&0.0) - before.0.get(name).unwrap_or(&0.0);
        let parts = [
            ("PostgreSQL", "postgres"),
            ("vectors", "serve"),
            ("Lethe", "lethe"),
            ("caller", "bench"),
        ];
        parts.map(|(what, name)| format!("{what} {:.2}", used(name))).join(", ")
    }
}

/// Returns the peak resident memory of a process, in MiB.
fn peak(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}
