//! The benchmark.
//!
//! `tests/run bench` starts PostgreSQL and Redis and runs it. Rates depend on the machine. The ratios, taken in one run, are
//! what to compare. Arguments name the benchmarks to run; `tests/README.md` lists them. `--smoke` makes them small.
//! `--out DIRECTORY` writes the figures there, as a table, as JSON and as a plot.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "it answers on its terminal")]

mod accept;
mod console;
mod figures;
mod large;
mod load;
mod mixed;
mod neighbours;
mod overload;
mod past;
mod peers;
mod plot;
mod processes;
mod query;
mod singles;
mod sizes;
mod standing;

use std::path::PathBuf;
use std::time::Duration;

use figures::Figures;
use lethe_tests::layout::Layout;
use lethe_tests::memories::Memory;
use lethe_tests::service::{Service, Site};
use qdrant_client::qdrant::FieldType;
use reqwest::Method;
use serde_json::json;
use sizes::Sizes;

/// The batch of both a large job and the bare loop.
const BATCH: usize = 1_000;

/// The benchmarks that run unless others are named. `peers` needs what `tests/run` installs for it.
const USUAL: [&str; 16] = [
    "accept",
    "pickup",
    "singles",
    "wait",
    "mixed",
    "erase",
    "memory",
    "past",
    "query",
    "linear",
    "scale",
    "idle",
    "backlog",
    "console",
    "neighbours",
    "overload",
];

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let mut arguments = std::env::args().skip(1);
    let (mut named, mut smoke, mut out) = (Vec::new(), false, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--smoke" => smoke = true,
            "--out" => out = Some(PathBuf::from(arguments.next().expect("--out takes a directory"))),
            _ => named.push(argument),
        }
    }
    if named.is_empty() {
        named.extend(USUAL.map(str::to_owned));
    }
    let sizes = Sizes::of(smoke);
    let mut figures = Figures::default();
    for name in &named {
        run(name, &sizes, &mut figures).await;
    }
    if !figures.is_empty() {
        println!("\n{}", figures.table());
    }
    if let Some(directory) = out {
        figures.write(&directory);
    }
}

async fn run(name: &str, sizes: &Sizes, figures: &mut Figures) {
    match name {
        "accept" => Box::pin(accept::accept()).await,
        "pickup" => Box::pin(accept::pickup()).await,
        "singles" => Box::pin(singles::singles(sizes, figures)).await,
        "wait" => Box::pin(singles::wait(sizes, figures)).await,
        "mixed" => Box::pin(mixed::mixed(sizes, figures)).await,
        "peers" => Box::pin(peers::peers(sizes, figures)).await,
        "erase" => Box::pin(large::erase(sizes, figures)).await,
        "memory" => Box::pin(large::memory()).await,
        "past" => Box::pin(past::past()).await,
        "query" => Box::pin(query::query(sizes, figures)).await,
        "linear" => Box::pin(query::linear(sizes)).await,
        "scale" => Box::pin(query::scale()).await,
        "idle" => Box::pin(standing::idle()).await,
        "backlog" => Box::pin(standing::backlog()).await,
        "console" => Box::pin(console::console(sizes)).await,
        "neighbours" => Box::pin(neighbours::neighbours()).await,
        "overload" => Box::pin(overload::overload()).await,
        _ => panic!("no benchmark is called {name}; there are peers, {}", USUAL.join(", ")),
    }
}

/// A site as production has it: an API, Redis, PostgreSQL, and the defaults of the configuration.
async fn site() -> Site {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.without_tap();
    site.configure(|config| {
        config
            .set("log.level", "warn,lethe_cli=info,lethe=info")
            .set("worker.slots", 8)
            .set("worker.poll", "1s")
    });
    // As `lethe targets check` advises: without them each look for points reads all of them.
    for field in ["memory_id", "user_id"] {
        site.vectors.index(field, FieldType::Keyword).await;
    }
    site
}

/// Returns the body of an upload of all these memories.
fn lines(memories: &[Memory]) -> String {
    let mut lines = String::new();
    for memory in memories {
        lines.push_str(&json!(memory.id).to_string());
        lines.push('\n');
    }
    lines
}

async fn upload(service: &Service, body: String) -> String {
    let request = service
        .client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson")
        .body(body);
    service.client.send(request).await.accepted()
}

async fn ended(service: &Service, id: &str) {
    loop {
        let job = service.client.job(id).await;
        match job["state"].as_str().unwrap() {
            "succeeded" => return,
            "failed" | "cancelled" => panic!("{job}"),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
