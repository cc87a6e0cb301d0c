//! What a deletion costs with a ledger that remembers many jobs.

use std::time::Instant;

use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgPool;

use crate::site;

/// How many jobs a ledger remembers that is old.
const PAST: u32 = 10_000_000;

/// Erases memories one by one with an empty ledger, and with one that remembers many jobs, and
/// prints what that took.
pub(crate) async fn past() {
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
