//! Purges by query, planned and erased by one and by two workers, beside a bare loop of the same batches.

use std::time::{Duration, Instant};

use lethe_tests::memories;
use lethe_tests::service::{Service, Site};
use qdrant_client::qdrant::{DeletePointsBuilder, PointId, PointsIdsList};
use serde_json::json;
use sqlx::postgres::PgPool;

use crate::{BATCH, Cpu, peak, report, site};

/// The number of rows of a purge, unless `LETHE_BENCH_ROWS` is set.
const ROWS: usize = 1_000_000;

/// Deletes the rows in a bare loop, by one worker and by two, and prints the ratios of the times.
pub(crate) async fn query() {
    let rows = rows();
    let site = site().await;
    unattended(&site).await;
    fill(&site, "ben", rows).await;
    let (before, start) = (Cpu::now(), Instant::now());
    let connection = bare_loop(&site, "ben").await;
    let alone = start.elapsed();
    report("query", rows, "bare loop", alone, &before);
    connection.close().await;

    let mut service = site.api().await;
    let mut times = Vec::new();
    for workers in [1, 2] {
        fill(&site, "ana", rows).await;
        service.workers.push(site.worker().await);
        let (before, start) = (Cpu::now(), Instant::now());
        let planned = purge(&service, "ana", rows).await.planned;
        let took = start.elapsed();
        report("query", rows, &format!("{workers} worker(s)"), took, &before);
        println!(
            "query: {workers} worker(s): ratio {:.2}; planning {planned:.2?}, {:.1} % of it",
            took.as_secs_f64() / alone.as_secs_f64(),
            100.0 * planned.as_secs_f64() / took.as_secs_f64()
        );
        times.push(took);
    }
    println!(
        "query: two workers take {:.2} of the time of one",
        times[1].as_secs_f64() / times[0].as_secs_f64()
    );
    site.holds(&[]).await;
}

/// Purges growing numbers of rows in a bare loop and by one worker. Prints the cost of a row relative to the smallest
/// purge.
pub(crate) async fn linear() {
    let site = site().await;
    unattended(&site).await;
    let mut service = site.api().await;
    service.workers.push(site.worker().await);
    fill(&site, "zoe", 1_000).await;
    purge(&service, "zoe", 1_000).await;
    let mut first = None;
    let sizes = std::iter::successors(Some(10_000), |rows| Some(rows * 10));
    for size in sizes.take_while(|size| *size <= rows()) {
        // Small purges run several times, since small disturbances change their time.
        let times = (100_000 / size).clamp(1, 9);
        let (mut alone, mut took) = (Vec::new(), Vec::new());
        for _ in 0..times {
            fill(&site, "ben", size).await;
            let start = Instant::now();
            let connection = bare_loop(&site, "ben").await;
            alone.push(start.elapsed());
            connection.close().await;
            fill(&site, "ana", size).await;
            took.push(purge(&service, "ana", size).await.took);
        }
        let [alone, took] = [alone, took].map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        });
        let each = |time: Duration| time.as_secs_f64() / f64::from(u32::try_from(size).unwrap());
        let costs = [alone, took].map(each);
        let first = *first.get_or_insert(costs);
        println!(
            "linear: {size} rows: bare loop {alone:.2?}, {:.1} µs a row, {:.2} of what it is for 10000; \
             one worker {took:.2?}, {:.1} µs a row, {:.2} of it, {} MiB at most so far; ratio {:.2}",
            costs[0] * 1e6,
            costs[0] / first[0],
            costs[1] * 1e6,
            costs[1] / first[1],
            peak(service.workers[0].process.id()),
            costs[1] / costs[0]
        );
    }
}

/// The time that a message takes to a distant store, and its answer back.
const DISTANCE: Duration = Duration::from_millis(2);

/// The number of rows of a purge at a distance.
const FAR: usize = 200_000;

/// Purges with one worker and with two, each with two slots, at a distance from the stores. Most of the time is waiting
/// for the stores, and no store is busy.
pub(crate) async fn scale() {
    let mut site = site().await;
    unattended(&site).await;
    site.configure(|config| config.set("worker.slots", 2));
    let _between = site.at_a_distance(DISTANCE);
    let mut service = site.api().await;
    let mut times = Vec::new();
    for workers in [1, 2] {
        fill(&site, "ana", FAR).await;
        service.workers.push(site.worker().await);
        let before = Cpu::now();
        let took = purge(&service, "ana", FAR).await.took;
        report(
            "scale",
            FAR,
            &format!("{workers} worker(s), {DISTANCE:?} away"),
            took,
            &before,
        );
        times.push(took);
    }
    println!(
        "scale: two workers take {:.2} of the time of one",
        times[1].as_secs_f64() / times[0].as_secs_f64()
    );
}

/// Returns the number of rows of the largest purge.
#[expect(clippy::disallowed_methods, reason = "the benchmark is told how long it may take")]
fn rows() -> usize {
    std::env::var("LETHE_BENCH_ROWS").map_or(ROWS, |rows| rows.parse().unwrap())
}

/// Turns autovacuum off, so that nothing else works on the table.
async fn unattended(site: &Site) {
    site.memories
        .run("ALTER TABLE agno_memories SET (autovacuum_enabled = false)")
        .await;
}

/// Adds memories in parts, to bound the memory of the benchmark.
async fn fill(site: &Site, user: &str, rows: usize) {
    for part in 0..rows.div_ceil(50_000) {
        site.add(&memories::of(user, (rows - part * 50_000).min(50_000))).await;
    }
    // Removes the dead rows of earlier runs.
    site.memories.run("VACUUM ANALYZE agno_memories").await;
}

/// The time of a purge.
struct Purge {
    /// From its start to its end, with the read-back, by the ledger's clock.
    took: Duration,
    /// The time of planning, by polling.
    planned: Duration,
}

/// Purges all memories of `user`.
async fn purge(service: &Service, user: &str, rows: usize) -> Purge {
    let start = Instant::now();
    let job = json!({"select": {"query": {"eq": {"user_id": user}}}});
    let id = service.client.submit(&job).await;
    let mut planned = Duration::ZERO;
    loop {
        let job = service.client.job(&id).await;
        match job["state"].as_str().unwrap() {
            "queued" | "planning" => planned = start.elapsed(),
            "succeeded" => {
                assert_eq!(job["selected"], json!(rows), "{job}");
                let time = |key: &str| job[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
                let took = time("started_at").duration_until(time("ended_at"));
                let took = took.try_into().unwrap();
                return Purge { took, planned };
            }
            "failed" | "cancelled" => panic!("{job}"),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The least work that deletes the rows: page by page in key order, from both stores.
async fn bare_loop(site: &Site, user: &str) -> PgPool {
    let pool = PgPool::connect(site.memories.url()).await.unwrap();
    let client = site.vectors.client();
    let mut after = String::new();
    loop {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT memory_id FROM agno_memories WHERE user_id = $1 AND memory_id > $2 ORDER BY memory_id LIMIT $3",
        )
        .bind(user)
        .bind(&after)
        .bind(i64::try_from(BATCH).unwrap())
        .fetch_all(&pool)
        .await
        .unwrap();
        let Some(last) = ids.last() else { return pool };
        after.clone_from(last);
        let points = ids.iter().map(|id| PointId::from(id.as_str())).collect();
        let points = DeletePointsBuilder::new(&site.vectors.collection)
            .points(PointsIdsList { ids: points })
            .wait(true);
        client.delete_points(points).await.unwrap();
        sqlx::query("DELETE FROM agno_memories WHERE user_id = $1 AND memory_id = ANY($2)")
            .bind(user)
            .bind(&ids)
            .execute(&pool)
            .await
            .unwrap();
    }
}
