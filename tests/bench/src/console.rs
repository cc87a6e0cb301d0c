//! The pages of the console beside a ledger of many jobs.

use std::time::{Duration, Instant};

use lethe_tests::config::KEY;
use lethe_tests::service::Service;
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use sqlx::postgres::PgPool;

use crate::site;
use crate::sizes::Sizes;

/// The number of times that each page is read.
const TIMES: usize = 20;

/// The longest that a page may take at the full size, at the 99th percentile.
const LONGEST: Duration = Duration::from_millis(200);

/// The number of jobs for each that has rare values.
const RARE: usize = 20_000;

/// Jobs of all states, kinds and callers, a second apart. The newest is of now.
const JOBS: &str = "
    INSERT INTO jobs (id, principal, state, kind, target, targets, table_name, dry_run, schedule, reference, labels, not_before, accepted_at,
        started_at, ended_at, touched_at, idle_since, selected, listed, unfinished, next_ordinal, error_code, forgotten_at, cleared, summary)
    SELECT substr(hex, 1, 8) || '-' || substr(hex, 9) || '-7000-8000-' || lpad(to_hex(n), 12, '0'),
        CASE WHEN rare THEN 'rare' WHEN n % 10 = 0 THEN 'others' ELSE 'backend' END, state,
        CASE n % 20 WHEN 0 THEN 'subject' WHEN 1 THEN 'query' ELSE 'ids' END, CASE WHEN n % 50 > 0 THEN 'main' END, 'main', 'memories', 0,
        CASE WHEN rare THEN 'rare' WHEN n % 1000 = 0 THEN 'nightly' END, CASE WHEN rare THEN 'rare' ELSE 'ticket-' || n END,
        CASE WHEN rare THEN '{\"team\":\"rare\"}' ELSE '{\"team\":\"team-' || n % 50 || '\"}' END, t, t,
        CASE WHEN state <> 'queued' THEN t END, CASE WHEN ended THEN t + 500 END, t, t, 1, 1, CASE WHEN ended THEN 0 ELSE 1 END, 1,
        CASE WHEN state = 'failed' THEN CASE WHEN rare THEN 'mistyped' ELSE 'unavailable' END END,
        CASE WHEN forgotten THEN t + 1000 END, CASE WHEN forgotten THEN 1 ELSE 0 END, CASE WHEN forgotten THEN '[]' END
    FROM (
        SELECT *, state IN ('succeeded', 'failed', 'cancelled') AS ended, state = 'succeeded' AND n % 2 = 0 AS forgotten,
            lpad(to_hex(t), 12, '0') AS hex
        FROM (
            SELECT n, n % $2 = 7 AS rare, (extract(epoch FROM now()) * 1000)::bigint - ($1 - n) * 1000 AS t,
                CASE WHEN n % 100 < 89 AND n % $2 <> 7 THEN 'succeeded' WHEN n % 100 < 93 THEN 'failed' WHEN n % 100 < 94 THEN 'cancelled'
                    WHEN n % 100 < 98 THEN 'queued' WHEN n % 100 < 99 THEN 'running' ELSE 'planning' END AS state
            FROM generate_series(1, $1) AS n
        ) AS numbered
    ) AS made";

/// The rows of other tables for these jobs.
const REST: [&str; 4] = [
    "INSERT INTO job_labels (job_id, label) SELECT id, l.key || ':' || l.value FROM jobs, jsonb_each_text(labels::jsonb) AS l(key, value)",
    "INSERT INTO counts (job_id, ordinal, store, outcome, n) SELECT id, 0, 'sql', 'erased', 1 FROM jobs WHERE ended_at IS NOT NULL AND cleared = 0",
    "INSERT INTO partitions (job_id, ordinal, kind, target, table_name, route, stores, weight, state, work, reads_back, size, remaining, due_at)
     SELECT id, 0, 'erase', 'main', 'memories', 'main/memories/0000000000000000', 'sql,vector', 0,
         CASE WHEN ended_at IS NULL THEN 'due' ELSE 'done' END, '{\"ids\":[\"1\"]}', 1, 1, CASE WHEN ended_at IS NULL THEN 1 ELSE 0 END, not_before
     FROM jobs WHERE cleared = 0",
    "VACUUM ANALYZE",
];

/// Prints how long each page takes, and fails if one takes too long.
pub(crate) async fn console(sizes: &Sizes) {
    let site = site().await;
    let service = site.api().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    let rare = RARE.min(sizes.jobs);
    fill(&ledger, sizes.jobs, rare).await;
    let browser = Browser::signed_in(&service).await;
    let mut slow = Vec::new();
    for path in pages(&ledger).await {
        // The first one compiles statements.
        browser.get(&path).await;
        let mut took = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            took.push(browser.get(&path).await);
        }
        took.sort_unstable();
        let (p50, p99) = (took[TIMES / 2], took[TIMES * 99 / 100]);
        println!("console: {} jobs: {path}: p50 {p50:.1?}, p99 {p99:.1?}", sizes.jobs);
        if p99 > LONGEST {
            slow.push(path);
        }
    }
    // A small size shows only that the pages answer.
    let is_full = sizes.jobs >= RARE;
    assert!(
        slow.is_empty() || !is_full,
        "these pages take more than {LONGEST:?}: {slow:#?}"
    );
}

async fn fill(ledger: &PgPool, jobs: usize, rare: usize) {
    let numbers = [jobs, rare].map(|n| i64::try_from(n).unwrap());
    sqlx::query(JOBS)
        .bind(numbers[0])
        .bind(numbers[1])
        .execute(ledger)
        .await
        .unwrap();
    for statement in REST {
        sqlx::query(statement).execute(ledger).await.unwrap();
    }
}

/// Returns the paths of all pages: without a filter, with each filter and values that all, few or no jobs have, and with
/// several filters.
async fn pages(ledger: &PgPool) -> Vec<String> {
    let middle = "SELECT id FROM jobs ORDER BY id OFFSET (SELECT COUNT(*) / 2 FROM jobs) LIMIT 1";
    let middle: String = sqlx::query_scalar(middle).fetch_one(ledger).await.unwrap();
    let others = [
        "/",
        "/console/new",
        "/console/schedules",
        "/console/write-schedule",
        "/console/targets",
        "/console/workers",
        "/console/keys",
        "/console/audit",
        "/console/receipts",
        "/console/log",
        "/console/jobs",
        "/console/jobs/retry?state=failed&label=team:rare",
    ];
    let mut pages: Vec<String> = others.map(str::to_owned).into();
    pages.push(format!("/console/jobs/{middle}"));
    let filters = [
        "target=main",
        "principal=backend",
        "principal=rare",
        "principal=unknown",
        "schedule=nightly",
        "schedule=rare",
        "schedule=unknown",
        "reference=rare",
        "reference=unknown",
        "label=team:team-1",
        "label=team:rare",
        "label=team:unknown",
        "state=queued",
        "state=planning",
        "state=running",
        "state=verifying",
        "state=cancelling",
        "state=held",
        "state=succeeded",
        "state=failed",
        "state=cancelled",
        "kind=ids",
        "kind=query",
        "kind=subject",
        "error_code=unavailable",
        "error_code=mistyped",
        "error_code=unindexed",
        "overdue=true",
        "due_before=2100-01-01T00:00:00Z",
        "created_after=2100-01-01T00:00:00Z",
        "created_before=2000-01-01T00:00:00Z",
        // No job has these together.
        "kind=ids&target=main&principal=unknown",
        "state=succeeded&kind=query&target=main&principal=rare",
        "state=succeeded&label=team:rare",
    ];
    pages.extend(filters.map(|filter| format!("/console/jobs?{filter}")));
    pages.push(format!("/console/jobs?after={middle}"));
    pages
}

/// A browser with a session.
struct Browser {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

impl Browser {
    /// Signs in.
    async fn signed_in(service: &Service) -> Self {
        let url = service.client.url().to_owned();
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        let form = format!("credentials={KEY}&then=%2F");
        let answer = http
            .post(format!("{url}/console/sign-in"))
            .header(ORIGIN, &url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 303);
        let set = answer.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = set.split(';').next().unwrap().to_owned();
        Self { http, url, cookie }
    }

    /// Reads a page. Returns how long it took.
    async fn get(&self, path: &str) -> Duration {
        let start = Instant::now();
        let request = self.http.get(format!("{}{path}", self.url));
        let answer = request
            .header(COOKIE, &self.cookie)
            .header(ACCEPT, "text/html")
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        start.elapsed()
    }
}
