//! Many small requests over a number of connections, and how long each took.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lethe_tests::memories::Memory;
use lethe_tests::service::Site;
use qdrant_client::Qdrant;
use qdrant_client::qdrant::{DeletePointsBuilder, PointId, PointsIdsList};
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::figures::Sample;
use crate::processes::{Cpu, Used};

/// How long each request took, in order of time, and all of them together.
pub(crate) struct Run {
    each: Vec<Duration>,
    all: Duration,
    used: Used,
}

impl Run {
    /// Returns its figures.
    pub(crate) fn sample(&self) -> Sample {
        let at = |percent: usize| self.each[(self.each.len() * percent / 100).min(self.each.len() - 1)];
        Sample {
            n: self.each.len(),
            took: self.all,
            latency: Some([at(50), at(99)]),
            used: self.used.clone(),
        }
    }
}

/// Does something for each memory, over so many connections at a time.
pub(crate) async fn each<C, F>(connections: u32, all: &Arc<Vec<Memory>>, client: C, act: fn(C, Memory) -> F) -> Run
where
    C: Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let (before, start) = (Cpu::now(), Instant::now());
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
    Run {
        each,
        all,
        used: Cpu::since(&before),
    }
}

/// The least that deletes a memory: its point, then its row, each waited for.
#[derive(Clone)]
pub(crate) struct Bare {
    pool: PgPool,
    client: Arc<Qdrant>,
    collection: Arc<str>,
}

impl Bare {
    pub(crate) async fn new(site: &Site, connections: u32) -> Self {
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

    pub(crate) async fn delete(self, memory: Memory) {
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
