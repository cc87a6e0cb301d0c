//! Purges by query: beside a bare loop of the same batches, planned and erased, with one worker and with two.

use std::time::{Duration, Instant};

use lethe_tests::memories;
use lethe_tests::service::{Service, Site};
use qdrant_client::qdrant::{DeletePointsBuilder, PointId, PointsIdsList};
use serde_json::json;
use sqlx::postgres::PgPool;

use crate::{BATCH, Cpu, report, site};

/// How many rows a purge is about, unless `LETHE_BENCH_ROWS` says otherwise.
const ROWS: usize = 1_000_000;

/// Deletes as many rows in a bare loop, by one worker and by two, and prints how the times compare.
pub(crate) async fn query() {
    #[expect(clippy::disallowed_methods, reason = "the benchmark is told how long it may take")]
    let rows = std::env::var("LETHE_BENCH_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
    let site = site().await;
    site.memories
        .run("ALTER TABLE agno_memories SET (autovacuum_enabled = false)")
        .await;
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
        let planned = purge(&service, "ana", rows).await;
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

/// Adds memories in parts, so that they are not all held at once.
async fn fill(site: &Site, user: &str, rows: usize) {
    for part in 0..rows.div_ceil(50_000) {
        site.add(&memories::of(user, (rows - part * 50_000).min(50_000))).await;
    }
    site.memories.run("ANALYZE agno_memories").await;
}

/// Purges everything of `user`, and returns how long it was being planned, as far as can be seen.
async fn purge(service: &Service, user: &str, rows: usize) -> Duration {
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
                return planned;
            }
            "failed" | "cancelled" => panic!("{job}"),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
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
