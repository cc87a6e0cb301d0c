//! The cost of deletions of one memory each, accepted or waited for, beside a bare loop that deletes the same rows and
//! points over as many connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lethe_tests::memories::{self, Memory};
use lethe_tests::service::Site;
use qdrant_client::Qdrant;
use qdrant_client::qdrant::{DeletePointsBuilder, PointId, PointsIdsList};
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::{Cpu, site};

/// The number of single deletions in a run.
const SINGLES: usize = 10_000;

/// The number of deletions waited for, per number of connections.
const WAITED: usize = 1_500;

/// The number of runs. The median counts.
const TIMES: usize = 3;

const CONNECTIONS: u32 = 64;

/// Submits single deletions at full speed, and prints how many ended per second.
pub(crate) async fn singles() {
    let site = ready().await;
    let service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    let bare = Bare::new(&site, CONNECTIONS).await;
    let (mut alone, mut lethe) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let all = Arc::new(memories::of("ben", SINGLES));
        site.add(&all).await;
        let before = Cpu::now();
        let run = each(CONNECTIONS, &all, bare.clone(), |bare, memory| async move {
            bare.delete(&memory).await;
        })
        .await;
        run.print("singles", "bare loop", &before);
        alone.push(run.rate());

        let all = Arc::new(memories::of("ana", SINGLES));
        site.add(&all).await;
        let before = Cpu::now();
        let start = Instant::now();
        let run = each(CONNECTIONS, &all, service.client.clone(), |client, memory| async move {
            let body = json!({"select": {"ids": [memory.id]}});
            let request = client.request(Method::POST, "/v1/jobs").json(&body);
            assert_eq!(client.send(request).await.status, 202);
        })
        .await;
        run.print("singles", "accepted", &before);
        until_all_ended(&ledger).await;
        let ended = per_second(SINGLES, start.elapsed());
        println!(
            "singles: ended: {ended:.0}/s; seconds of processors: {}",
            Cpu::now().since(&before)
        );
        lethe.push(ended);
    }
    println!(
        "singles: ratio {:.2} of the bare loop's rate",
        median(lethe) / median(alone)
    );
    site.holds(&[]).await;
    statements(&ledger).await;
}

/// Waits for the end of each single deletion, over 1, 16 and 64 connections.
pub(crate) async fn wait() {
    let site = ready().await;
    let service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    for connections in [1, 16, 64] {
        let bare = Bare::new(&site, connections).await;
        let (mut alone, mut lethe) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let all = Arc::new(memories::of("ben", WAITED));
            site.add(&all).await;
            let before = Cpu::now();
            let run = each(connections, &all, bare.clone(), |bare, memory| async move {
                bare.delete(&memory).await;
            })
            .await;
            run.print("wait", &format!("{connections} connections: bare loop"), &before);
            alone.push(run.rate());

            let all = Arc::new(memories::of("ana", WAITED));
            site.add(&all).await;
            let before = Cpu::now();
            let run = each(connections, &all, service.client.clone(), |client, memory| async move {
                let body = json!({"select": {"ids": [memory.id]}});
                let request = client
                    .request(Method::POST, "/v1/jobs")
                    .header("prefer", "wait=10")
                    .json(&body);
                assert_eq!(client.send(request).await.status, 200);
            })
            .await;
            run.print("wait", &format!("{connections} connections"), &before);
            lethe.push(run.rate());
        }
        println!(
            "wait: {connections} connections: ratio {:.2} of the bare loop's rate",
            median(lethe) / median(alone)
        );
    }
    site.holds(&[]).await;
    statements(&ledger).await;
}

/// Returns a site whose ledger counts its statements.
pub(crate) async fn ready() -> Site {
    let site = site().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    // Needs shared_preload_libraries = pg_stat_statements.
    let counting = sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    counting.execute(&ledger).await.unwrap();
    // Autovacuum would clean up after one run in the time of the next.
    let unswept = "ALTER TABLE agno_memories SET (autovacuum_enabled = false)";
    site.memories.run(unswept).await;
    site
}

/// Prints the statements that took most of the ledger's database time.
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

async fn until_all_ended(ledger: &PgPool) {
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

/// The least work that deletes a memory: its point, then its row, each waited for.
#[derive(Clone)]
struct Bare {
    pool: PgPool,
    client: Arc<Qdrant>,
    collection: Arc<str>,
}

impl Bare {
    async fn new(site: &Site, connections: u32) -> Self {
        Self {
            pool: PgPoolOptions::new()
                .max_connections(connections)
                .connect(site.memories.url())
                .await
                .unwrap(),
            client: Arc::new(site.vectors.client()),
            collection: site.vectors.collection.as_str().into(),
        }
    }

    async fn delete(&self, memory: &Memory) {
        let ids = vec![PointId::from(memory.id.as_str())];
        let points = DeletePointsBuilder::new(&*self.collection)
            .points(PointsIdsList { ids })
            .wait(true);
        self.client.delete_points(points).await.unwrap();
        sqlx::query("DELETE FROM agno_memories WHERE memory_id = $1")
            .bind(&memory.id)
            .execute(&self.pool)
            .await
            .unwrap();
    }
}

/// The time of each deletion, and of the whole run.
struct Run {
    each: Vec<Duration>,
    all: Duration,
}

impl Run {
    fn rate(&self) -> f64 {
        per_second(self.each.len(), self.all)
    }

    fn print(&self, what: &str, name: &str, before: &Cpu) {
        let at = |percent: usize| self.each[(self.each.len() * percent / 100).min(self.each.len() - 1)];
        println!(
            "{what}: {name}: {:.0}/s, p50 {:.1?}, p99 {:.1?}; seconds of processors: {}",
            self.rate(),
            at(50),
            at(99),
            Cpu::now().since(before)
        );
    }
}

/// Calls `act` for each memory, over so many connections at a time.
async fn each<C, F>(connections: u32, all: &Arc<Vec<Memory>>, client: C, act: fn(C, Memory) -> F) -> Run
where
    C: Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (next, all, client) = (Arc::clone(&next), Arc::clone(all), client.clone());
        running.spawn(async move {
            let mut took = Vec::new();
            while let Some(memory) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                let start = Instant::now();
                act(client.clone(), memory.clone()).await;
                took.push(start.elapsed());
            }
            took
        });
    }
    let mut each: Vec<Duration> = running.join_all().await.into_iter().flatten().collect();
    let all = start.elapsed();
    each.sort_unstable();
    Run { each, all }
}

fn per_second(n: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(n).unwrap()) / took.as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
