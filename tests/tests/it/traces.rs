//! Traces: a marked person and marked ids are searched for in everything that Lethe writes.

use std::process::Command;

use lethe_tests::by_query::{job, of_user, with};
use lethe_tests::client::Client;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::process::Process;
use lethe_tests::redis::Redis;
use lethe_tests::service::{self, Servers, Site};
use lethe_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A name that nothing else contains.
const PERSON: &str = "marked-person-5e1c";

/// Returns which of the marks a text contains.
fn found<'m>(text: &str, marks: &[&'m str]) -> Vec<&'m str> {
    marks.iter().copied().filter(|mark| text.contains(mark)).collect()
}

/// Returns the tables of a PostgreSQL database whose rows contain a mark.
async fn holding(url: &str, marks: &[&str]) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    let mut holding = Vec::new();
    for table in tables {
        let rows = format!(
            "SELECT count(*) FROM {table} AS t WHERE t::text ~ '{}'",
            marks.join("|")
        );
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(rows))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        if rows > 0 {
            holding.push(table);
        }
    }
    holding
}

/// Starts a process that prints all commands that a Redis receives.
async fn monitor(redis: &Redis, site: &Site) -> Process {
    let address = redis.address();
    let (host, port) = address.split_once(':').unwrap();
    let mut command = Command::new("redis-cli");
    command.args(["-h", host, "-p", port, "MONITOR"]);
    let mut monitor = Process::start("monitor", &mut command, site.directory.path());
    monitor
        .says("it listens", |process| process.output().contains("OK").then_some(()))
        .await;
    monitor
}

/// Runs jobs that name the person and the ids in every way. Some memories are absent.
async fn erase(client: &Client, all: &[Memory]) {
    let owned = with(json!({"select": {"ids": ids(&all[..5])}}), "owner", PERSON);
    client.succeeds(&owned).await;
    client.succeeds(&owned).await;
    client.succeeds(&with(job(of_user(PERSON)), "dry_run", true)).await;
    client.succeeds(&with(job(of_user(PERSON)), "owner", PERSON)).await;
    let lines: Vec<String> = all.iter().map(|memory| json!(memory.id).to_string()).collect();
    let upload = client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson")
        .body(lines.join("\n"));
    let upload = client.send(upload).await.accepted();
    client.ended(&upload).await;
    client
        .succeeds(&json!({"select": {"subject": {"user_id": PERSON}}}))
        .await;
}

/// Submits a job that meets an error of the database, and ends once the error is gone.
async fn fail(site: &Site, client: &Client, all: &[Memory]) {
    site.memories.run("ALTER TABLE agno_memories RENAME TO elsewhere").await;
    let id = client.submit_ids(&ids(all)).await;
    client
        .when(&id, "it has met the fault", |job| job["error_code"] != Value::Null)
        .await;
    site.memories.run("ALTER TABLE elsewhere RENAME TO agno_memories").await;
    assert_eq!(client.ended(&id).await["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_and_ids_are_in_no_log_metric_or_message_and_leave_the_ledger() {
    let redis = Redis::start().await;
    let servers = Servers {
        redis: Some(redis.url()),
        ..Servers::default()
    };
    let mut site = Site::on(Layout::POSTGRES_REDIS, servers).await;
    site.configure(|config| config.set("log.level", "info,lethe_worker=debug,lethe_api=debug"));
    let ledger = site.ledger.clone().unwrap();
    let all = memories::of(PERSON, 20);
    site.add(&all).await;
    let mut marks = ids(&all);
    marks.push(PERSON);
    let messages = monitor(&redis, &site).await;
    let service = site.start().await;
    let client = &service.client;
    erase(client, &all).await;
    fail(&site, client, &all).await;
    site.holds(&[]).await;

    for worker in &service.workers {
        let metrics = worker.client.get("/metrics").await;
        assert_eq!(found(&metrics.text, &marks), [""; 0]);
    }
    assert_eq!(found(&client.get("/metrics").await.text, &marks), [""; 0]);
    // Ids and persons stay for a day, so the search finds them now.
    let held = holding(&ledger, &marks).await;
    for table in ["items", "jobs", "partitions"] {
        assert!(held.iter().any(|held| held == table), "{held:?}");
    }

    for worker in &service.workers {
        worker.process.terminate();
    }
    let forgetting = site.config.clone().set("retention.items", "0s");
    let forgetting = service::worker(&forgetting, site.directory.path()).await;
    wait::until_true("the ledger has forgotten the ended jobs", || async {
        holding(&ledger, &marks).await.is_empty()
    })
    .await;

    let workers = service.workers.iter().map(|worker| &worker.process);
    for process in workers.chain([&service.process, &forgetting.process]) {
        assert!(process.log().contains("\"message\":"), "it logs");
        assert_eq!(found(&process.log(), &marks), [""; 0]);
    }
    let sent = messages.output();
    assert!(sent.contains("\"PUBLISH\""), "Redis was used: {sent}");
    assert_eq!(found(&sent, &marks), [""; 0]);
}
