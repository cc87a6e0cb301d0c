//! The cost of an idle service: with an empty ledger, and with a million queued jobs of another worker's mapping.

use std::time::{Duration, Instant};

use lethe_tests::memories;
use lethe_tests::service::Service;
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgPool;

use crate::processes::Cpu;
use crate::singles::ready;

/// The number of waiting jobs, and of ended ones: just below the limit of accepted jobs.
const JOBS: u32 = 900_000;

/// The time without requests.
const QUIET: Duration = Duration::from_secs(30);

/// The number of small jobs waited for.
const SMALL_JOBS: usize = 300;

/// Prints the processor time and the statements of an idle service.
pub(crate) async fn idle() {
    let site = ready().await;
    let _service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    quiet("idle", &ledger).await;
}

/// Prints the same beside a long queue, with the latencies of small jobs and scrapes.
pub(crate) async fn backlog() {
    let site = ready().await;
    let service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    let mut medians = Vec::new();
    for jobs in [0, JOBS] {
        fill(&ledger, jobs).await;
        let all = memories::of("ana", SMALL_JOBS);
        site.add(&all).await;
        let mut took = Vec::new();
        for memory in &all {
            let body = json!({"select": {"ids": [memory.id]}});
            let request = service
                .client
                .request(Method::POST, "/v1/jobs")
                .header("prefer", "wait=10");
            let start = Instant::now();
            assert_eq!(service.client.send(request.json(&body)).await.status, 200);
            took.push(start.elapsed());
        }
        took.sort_unstable();
        println!(
            "backlog: {jobs} jobs wait: one memory p50 {:.1?}, p99 {:.1?}; a scrape {:.1?}",
            took[SMALL_JOBS / 2],
            took[SMALL_JOBS * 99 / 100],
            scrape(&service).await
        );
        medians.push(took[SMALL_JOBS / 2]);
        quiet("backlog", &ledger).await;
    }
    println!(
        "backlog: ratio {:.2}",
        medians[1].as_secs_f64() / medians[0].as_secs_f64()
    );
}

/// Adds queued jobs for a mapping that no worker has, and as many ended jobs.
async fn fill(ledger: &PgPool, jobs: u32) {
    let of_state = |state: &str, ended: &str| {
        format!(
            "INSERT INTO jobs (id, principal, state, kind, target, targets, dry_run, not_before, accepted_at, ended_at, touched_at,
                idle_since, selected, unfinished, next_ordinal)
             SELECT '{state}-' || n, 'bench', '{state}', 'ids', 'main', 'main', 0, t, t, {ended}, t, t, 1, 1, 1
             FROM generate_series(1, {jobs}) AS n, (SELECT (extract(epoch FROM now()) * 1000)::bigint AS t) AS now"
        )
    };
    let partitions = format!(
        "INSERT INTO partitions (job_id, ordinal, kind, target, table_name, route, stores, weight, state, work, reads_back, size, remaining, due_at)
         SELECT 'queued-' || n, 0, 'erase', 'main', 'memories', 'main/memories/0000000000000000', 'sql,vector', 0, 'due',
             '{{\"ids\":[\"1\"]}}', 1, 1, 1, 1 FROM generate_series(1, {jobs}) AS n"
    );
    for sql in [of_state("queued", "NULL"), of_state("succeeded", "t"), partitions] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(ledger).await.unwrap();
    }
    // Autovacuum does the same while jobs arrive.
    for table in ["jobs", "partitions"] {
        let sql = format!("VACUUM ANALYZE {table}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(ledger).await.unwrap();
    }
}

/// Returns the median time of a scrape.
async fn scrape(service: &Service) -> Duration {
    let mut took = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let request = service.client.request(Method::GET, "/metrics");
        assert_eq!(service.client.send(request).await.status, 200);
        took.push(start.elapsed());
    }
    took.sort_unstable();
    took[2]
}

/// Prints the processor time and statements of an idle service, and the slowest statements.
async fn quiet(what: &str, ledger: &PgPool) {
    let reset = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()";
    sqlx::query(reset).execute(ledger).await.unwrap();
    let before = Cpu::now();
    tokio::time::sleep(QUIET).await;
    let used = Cpu::since(&before);
    let statements: Vec<(String, i64, f64, f64)> = sqlx::query_as(
        "SELECT COALESCE(substring(query from '-- (ledger::[a-z_ ]+)'), left(query, 20)), calls, mean_exec_time, max_exec_time
         FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         ORDER BY max_exec_time DESC",
    )
    .fetch_all(ledger)
    .await
    .unwrap();
    let calls: i64 = statements.iter().map(|(_, calls, ..)| calls).sum();
    let seconds = QUIET.as_secs();
    println!("{what}: in {seconds} s without work: {calls} statements; CPU seconds: {used}");
    for (name, calls, mean, most) in statements.iter().take(6) {
        println!("{what}: {name}: {calls} calls, {mean:.2} ms each, {most:.2} ms at most");
    }
}
