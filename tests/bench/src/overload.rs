//! More than can be done, from callers that mean no good: what a well-behaved caller sees meanwhile, how refusals are answered,
//! what memory the API needs, and whether all that was accepted ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lethe_tests::client::{Answer, Client};
use lethe_tests::service::Service;
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgPool;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::processes::peak;
use crate::singles::{ready, until_all_ended};

/// For how long each part lasts.
const LASTS: Duration = Duration::from_secs(20);

/// How many deletions a second the well-behaved caller sends.
const CALM: u32 = 20;

/// How many callers flood the API, and over how many connections each.
const FLOODS: usize = 8;
const CONNECTIONS: usize = 16;

/// How many connections never end their headers, and how many callers send large bodies without a pause.
const SILENT: usize = 200;
const LARGE: usize = 8;

/// The bounds: of a refusal's answer, of the API's memory in MiB, and of the ratio of the 99th percentiles.
const REFUSED_WITHIN: Duration = Duration::from_millis(100);
const MEMORY: f64 = 192.0;
const RATIO: f64 = 5.0;

/// The answers to the flood.
#[derive(Default)]
struct Answers {
    /// The number of answers by status; 0 counts requests without an answer.
    by_status: BTreeMap<u16, u64>,
    /// Refusals with 429 or 503 that lack `Retry-After`.
    silent: u64,
    /// Refusals that took longer than [`REFUSED_WITHIN`].
    late: u64,
    slowest: Duration,
}

pub(crate) async fn overload() {
    let site = ready().await;
    let service = site.start().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    let alone = calm(&service.client).await;
    println!("overload: alone: accepted p50 {:.1?}, p99 {:.1?}", alone[0], alone[1]);

    let (answers, over) = (
        Arc::new(Mutex::new(Answers::default())),
        Arc::new(AtomicBool::new(false)),
    );
    let mut hostile = JoinSet::new();
    for n in 0..FLOODS {
        let client = caller(&service, &format!("flood-{n}")).await;
        for _ in 0..CONNECTIONS {
            hostile.spawn(flood(client.clone(), Arc::clone(&answers), Arc::clone(&over)));
        }
    }
    for n in 0..LARGE {
        let client = caller(&service, &format!("large-{n}")).await;
        hostile.spawn(large(client, Arc::clone(&answers), Arc::clone(&over)));
    }
    for _ in 0..SILENT {
        hostile.spawn(silent(service.client.url().to_owned(), Arc::clone(&over)));
    }
    let beside = calm(&service.client).await;
    over.store(true, Ordering::Relaxed);
    hostile.join_all().await;
    let memory = peak(service.process.id());
    println!(
        "overload: beside the flood: accepted p50 {:.1?}, p99 {:.1?}",
        beside[0], beside[1]
    );
    {
        let answers = answers.lock().unwrap();
        println!(
            "overload: answers by status {:?}; refusals: {} without Retry-After, {} later than {REFUSED_WITHIN:?}, slowest {:.1?}",
            answers.by_status, answers.silent, answers.late, answers.slowest
        );
    }
    let ratio = beside[1].as_secs_f64() / alone[1].as_secs_f64();
    for (what, value, bound) in [
        ("p99 beside / alone", ratio, RATIO),
        ("MiB of the API at most", memory, MEMORY),
    ] {
        let verdict = if value <= bound { "within" } else { "BEYOND" };
        println!("overload: {what}: {value:.1}, {verdict} {bound}");
    }
    let start = Instant::now();
    until_all_ended(&ledger).await;
    println!(
        "overload: all that was accepted ended {:.1?} after the flood",
        start.elapsed()
    );
}

/// Returns a caller with a key of its own.
async fn caller(service: &Service, name: &str) -> Client {
    let key = json!({"name": name, "scopes": ["memories:delete", "jobs:read"]});
    let request = service.client.request(Method::POST, "/v1/keys").json(&key);
    let answer = service.client.send(request).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    Client::new(service.client.url(), answer.body["key"].as_str().unwrap())
}

/// Sends deletions at a calm rate; returns the median and the 99th percentile of what accepting took.
async fn calm(client: &Client) -> [Duration; 2] {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / CALM);
    let mut running = JoinSet::new();
    let start = Instant::now();
    while start.elapsed() < LASTS {
        let due = ticks.tick().await;
        let client = client.clone();
        running.spawn(async move {
            let answer = client.send(deletion(&client)).await;
            assert_eq!(answer.status, 202, "{}", answer.text);
            due.elapsed()
        });
    }
    let mut took = running.join_all().await;
    took.sort_unstable();
    [took[took.len() / 2], took[took.len() * 99 / 100]]
}

fn deletion(client: &Client) -> reqwest::RequestBuilder {
    let body = json!({"select": {"ids": [uuid::Uuid::new_v4().to_string()]}});
    client.request(Method::POST, "/v1/jobs").json(&body)
}

/// Sends deletions one after the other.
async fn flood(client: Client, answers: Arc<Mutex<Answers>>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        count(&answers, client.try_send(deletion(&client)).await, start);
    }
}

/// Sends uploads of the longest ids, and bodies of a query that is nothing but deep and long.
async fn large(client: Client, answers: Arc<Mutex<Answers>>, over: Arc<AtomicBool>) {
    let lines = format!("\"{}\"\n", "x".repeat(1_000)).repeat(20_000);
    let query = format!("{{\"select\":{{\"query\":[{}null]}}}}", "{\"\":0},".repeat(2_000_000));
    while !over.load(Ordering::Relaxed) {
        for (kind, body) in [("application/x-ndjson", &lines), ("application/json", &query)] {
            let request = client.request(Method::POST, "/v1/jobs?dry_run=true");
            let request = request.header("content-type", kind).body(body.clone());
            let start = Instant::now();
            count(&answers, client.try_send(request).await, start);
        }
    }
}

/// Opens a connection and sends a header now and then, without end.
async fn silent(url: String, over: Arc<AtomicBool>) {
    let address = url.trim_start_matches("http://").to_owned();
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(&address).await else {
            continue;
        };
        drop(stream.write_all(b"GET /livez HTTP/1.1\r\n").await);
        while !over.load(Ordering::Relaxed) && stream.write_all(b"x: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn count(answers: &Mutex<Answers>, answer: reqwest::Result<Answer>, start: Instant) {
    let took = start.elapsed();
    let mut answers = answers.lock().unwrap();
    let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
    *answers.by_status.entry(status).or_default() += 1;
    if let (429 | 503, Ok(answer)) = (status, answer) {
        answers.silent += u64::from(!answer.headers.contains_key("retry-after"));
        answers.late += u64::from(took > REFUSED_WITHIN);
        answers.slowest = answers.slowest.max(took);
    }
}
