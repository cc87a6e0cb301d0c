//! Purges by query: beside a bare loop of the same batches, planned and erased, with one worker and with two.

use std::time::{Duration, Instant};

use lethe_tests::memories;
use lethe_tests::service::{Service, Site};
use qdrant_client::qdrant::{DeletePointsBuilder, PointId, PointsIdsList};
use serde_json::json;
use sqlx::postgres::PgPool;

use crate::figures::{Figures, Sample};
use crate::processes::{Cpu, peak, report};
use crate::sizes::Sizes;
use crate::{BATCH, site};

/// Deletes as many rows in a bare loop, by one worker and by two, and prints how the times compare.
pub(crate) async fn query(sizes: &Sizes, figures: &mut Figures) {
    let rows = sizes.rows;
    let site = site().await;
    unattended(&site).await;
    fill(&site, "ben", rows).await;
    let (before, start) = (Cpu::now(), Instant::now());
    let connection = bare_loop(&site, "ben").await;
    let alone = start.elapsed();
    let case = format!("{rows} rows");
    figures.add("query", &case, "bare loop", Sample::of(rows, alone, &before));
    connection.close().await;

    let mut service = site.api().await;
    let mut times = Vec::new();
    for workers in [1, 2] {
        fill(&site, "ana", rows).await;
        service.workers.push(site.worker().await);
        let (before, start) = (Cpu::now(), Instant::now());
        let planned = purge(&service, "ana", rows).await.planned;
        let took = start.elapsed();
        let who = format!("Lethe, {workers} worker(s)");
        figures.add("query", &case, &who, Sample::of(rows, took, &before));
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

/// Purges of growing size in a bare loop and by one worker: what a row costs, beside what it costs in the
/// smallest.
pub(crate) async fn linear(sizes: &Sizes) {
    let site = site().await;
    unattended(&site).await;
    let mut service = site.api().await;
    service.workers.push(site.worker().await);
    fill(&site, "zoe", 1_000).await;
    purge(&service, "zoe", 1_000).await;
    let mut first = None;
    let growing = std::iter::successors(Some(10_000), |rows| Some(rows * 10));
    for size in growing.take_while(|size| *size <= sizes.rows) {
        // The small ones several times, since little disturbs them much.
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

/// How long a message takes to a store that is a distance away, and an answer back.
const DISTANCE: Duration = Duration::from_millis(2);

/// How many rows are purged at a distance.
const FAR: usize = 200_000;

/// One worker and two, each with two slots, where the stores are a distance away: most of the time is
/// spent waiting for them, and none of them is busy.
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

/// Nothing else works on the table meanwhile.
pub(crate) async fn unattended(site: &Site) {
    site.memories
        .run("ALTER TABLE agno_memories SET (autovacuum_enabled = false)")
        .await;
}

/// Adds memories in parts, so that they are not all held at once.
pub(crate) async fn fill(site: &Site, user: &str, rows: usize) {
    for part in 0..rows.div_ceil(50_000) {
        site.add(&memories::of(user, (rows - part * 50_000).min(50_000))).await;
    }
    // Nor is anything left of what was there before.
    site.memories.run("VACUUM ANALYZE agno_memories").await;
}

/// How long a purge took, by the ledger's clock.
struct Purge {
    /// From its beginning to its end, read back.
    took: Duration,
    /// How long it was being planned, as far as can be seen.
    planned: Duration,
}

/// Purges everything of `user`.
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

/// The least that deletes them: page by page in the order of keys, from both stores.
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
