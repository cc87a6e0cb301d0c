//! Large jobs by ids: beside a bare loop of the same deletes, and the memory that a worker needs.

use std::time::Instant;

use lethe_tests::memories::{self, Memory};
use lethe_tests::service::Site;
use qdrant_client::qdrant::{DeletePointsBuilder, PointId, PointsIdsList};
use sqlx::postgres::PgPool;

use crate::figures::{Figures, Sample};
use crate::processes::{Cpu, peak};
use crate::sizes::Sizes;
use crate::{BATCH, ended, lines, site, upload};

/// Does the same deletes in a bare loop, and erases two large jobs: the first with processes that
/// have just started, the second with the same ones, which by then have their connections.
pub(crate) async fn erase(sizes: &Sizes, figures: &mut Figures) {
    let n = sizes.ids;
    let site = site().await;
    let [bare, cold, warm] = ["ben", "ana", "cleo"].map(|user| memories::of(user, n));
    // What one leaves behind must not be swept up in the time of the next.
    let unswept = "ALTER TABLE agno_memories SET (autovacuum_enabled = false)";
    site.memories.run(unswept).await;
    for memories in [&bare, &cold, &warm] {
        site.add(memories).await;
    }

    let (before, start) = (Cpu::now(), Instant::now());
    let connection = bare_loop(&site, &bare).await;
    let alone = start.elapsed();
    let case = format!("{n} ids");
    figures.add("erase", &case, "bare loop", Sample::of(n, alone, &before));
    connection.close().await;

    let service = site.start().await;
    for (name, memories) in [("just started", cold), ("running", warm)] {
        let body = lines(&memories);
        let (before, start) = (Cpu::now(), Instant::now());
        let id = upload(&service, body).await;
        let accepted = start.elapsed();
        ended(&service, &id).await;
        let lethe = start.elapsed();
        figures.add("erase", &case, &format!("Lethe, {name}"), Sample::of(n, lethe, &before));
        println!("erase: {name}: upload {accepted:.2?} of it");
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

/// The least that deletes them: by id, one batch after another, from both stores.
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
    // Its backend is looked at before it goes.
    pool
}

/// Runs one job of each size on a fresh worker, and prints the most memory that it needed.
pub(crate) async fn memory() {
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
