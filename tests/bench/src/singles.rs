//! What deletions of one memory each cost: accepted and left to workers, or waited for; beside a bare loop that deletes
//! the same rows and points over as many connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lethe_tests::client::Client;
use lethe_tests::memories::{self, Memory};
use lethe_tests::service::{Service, Site};
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgPool;

use crate::figures::{Figures, Sample};
use crate::load::{Bare, each};
use crate::processes::Cpu;
use crate::site;
use crate::sizes::Sizes;

/// Over how many connections single deletions arrive that nobody waits for.
pub(crate) const CONNECTIONS: u32 = 64;

/// Submits single deletions as fast as they are accepted, until all have ended.
pub(crate) async fn singles(sizes: &Sizes, figures: &mut Figures) {
    let site = ready().await;
    let service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    let bare = Bare::new(&site, CONNECTIONS).await;
    for _ in 0..sizes.times {
        let all = Arc::new(memories::of("ben", sizes.singles));
        site.add(&all).await;
        let run = each(CONNECTIONS, &all, bare.clone(), Bare::delete).await;
        figures.add("singles", "ended", "bare loop", run.sample());
        let [accepted, ended] = all_ended(&site, &service, &ledger, sizes.singles).await;
        figures.add("singles", "ended", "Lethe", ended);
        figures.add("singles", "accepted", "Lethe", accepted);
    }
    site.holds(&[]).await;
    statements(&ledger).await;
}

/// Submits so many single deletions; returns what accepting them took, and what it took until all had ended.
pub(crate) async fn all_ended(site: &Site, service: &Service, ledger: &PgPool, n: usize) -> [Sample; 2] {
    let all = Arc::new(memories::of("ana", n));
    site.add(&all).await;
    let (before, start) = (Cpu::now(), Instant::now());
    let run = each(CONNECTIONS, &all, service.client.clone(), accepted).await;
    until_all_ended(ledger).await;
    [run.sample(), Sample::of(n, start.elapsed(), &before)]
}

/// Waits for the end of single deletions over 1, 16 and 64 connections.
pub(crate) async fn wait(sizes: &Sizes, figures: &mut Figures) {
    let site = ready().await;
    let service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    for connections in [1, 16, 64] {
        let case = format!("{connections} connection(s)");
        let bare = Bare::new(&site, connections).await;
        for _ in 0..sizes.times {
            let all = Arc::new(memories::of("ben", sizes.waited));
            site.add(&all).await;
            let run = each(connections, &all, bare.clone(), Bare::delete).await;
            figures.add("wait", &case, "bare loop", run.sample());
            let all = Arc::new(memories::of("ana", sizes.waited));
            site.add(&all).await;
            let run = each(connections, &all, service.client.clone(), erased).await;
            figures.add("wait", &case, "Lethe", run.sample());
        }
    }
    site.holds(&[]).await;
    statements(&ledger).await;
}

/// Submits the deletion of a memory.
async fn accepted(client: Client, memory: Memory) {
    let body = json!({"select": {"ids": [memory.id]}});
    let request = client.request(Method::POST, "/v1/jobs").json(&body);
    assert_eq!(client.send(request).await.status, 202);
}

/// Deletes a memory, and waits for the end.
pub(crate) async fn erased(client: Client, memory: Memory) {
    let body = json!({"select": {"ids": [memory.id]}});
    let request = client
        .request(Method::POST, "/v1/jobs")
        .header("prefer", "wait=10")
        .json(&body);
    assert_eq!(client.send(request).await.status, 200);
}

/// Returns a site whose ledger's statements are counted.
pub(crate) async fn ready() -> Site {
    let site = site().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    // Needs shared_preload_libraries = pg_stat_statements.
    let counting = sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    counting.execute(&ledger).await.unwrap();
    // What one run leaves behind must not be swept up in the time of the next.
    let unswept = "ALTER TABLE agno_memories SET (autovacuum_enabled = false)";
    site.memories.run(unswept).await;
    site
}

/// Prints which statements of the ledger took most of its database's time.
async fn statements(ledger: &PgPool) {
    let rows: Result<Vec<(String, i64, f64)>, _> = sqlx::query_as(
        "SELECT left(substring(query from '-- (ledger::[a-z: _]+)'), 40), SUM(calls)::bigint, SUM(total_exec_time)
         FROM pg_stat_statements WHERE query LIKE '%-- ledger::%'
           AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         GROUP BY 1 ORDER BY 3 DESC LIMIT 15",
    )
    .fetch_all(ledger)
    .await;
    for (name, calls, ms) in rows.unwrap_or_default() {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
        let each = ms / calls as f64;
        println!("statements: {name}: {calls} calls, {ms:.0} ms, {each:.3} ms each");
    }
}

pub(crate) async fn until_all_ended(ledger: &PgPool) {
    loop {
        let open: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE ended_at IS NULL")
            .fetch_one(ledger)
            .await
            .unwrap();
        if open == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
