//! Database roles: each process works with the rights of its own role on the ledger, and can do no more.

mod adopted;
mod retention;

use std::path::Path;

use lethe_tests::by_query::{job, of_user, with};
use lethe_tests::client::Client;
use lethe_tests::config::Config;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::process::Process;
use lethe_tests::service::{self, Site, TARGET, fits, role};
use lethe_tests::wait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/grants");

/// The SQLSTATE of a statement for which the role lacks a right.
const FORBIDDEN: &str = "42501";

/// The roles of a ledger. They belong to the whole server, so each test has its own.
struct Roles {
    prefix: String,
    ledger: String,
}

impl Roles {
    /// Makes the roles, as `deploy/grants/roles.sql` does.
    async fn of(ledger: &str) -> Self {
        let roles = Self {
            prefix: format!("lethe_{}_", uuid::Uuid::now_v7().simple()),
            ledger: ledger.to_owned(),
        };
        roles.run(ledger, "roles.sql").await;
        for role in ["migrate", "api", "worker", "retention"] {
            let set = format!("ALTER ROLE {}{role} PASSWORD 'secret'", roles.prefix);
            assert_eq!(refused(ledger, &set).await, None);
        }
        roles
    }

    /// Gives the roles their rights, as the owner of the tables.
    async fn grant(&self) {
        self.run(&self.url("migrate"), "ledger.sql").await;
    }

    async fn run(&self, url: &str, file: &str) {
        let text = std::fs::read_to_string(Path::new(FILES).join(file)).unwrap();
        let text = text.replace("lethe_", &self.prefix);
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut connection)
            .await
            .unwrap();
    }

    /// Returns the ledger's URL for a role.
    fn url(&self, role: &str) -> String {
        let (scheme, rest) = self.ledger.split_once("://").unwrap();
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        format!("{scheme}://{}{role}:secret@{place}", self.prefix)
    }

    /// Returns the configuration of a process with a role.
    fn config(&self, site: &Site, role: &str) -> Config {
        site.config.clone().set("ledger.url", self.url(role))
    }
}

/// Returns the SQLSTATE with which a statement is refused, if it is.
async fn refused(url: &str, statement: &str) -> Option<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
    let error = done.err()?;
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    Some(code.unwrap_or_else(|| panic!("{statement}: {error}")).into_owned())
}

/// Returns the number that a query of the ledger's owner answers with.
async fn number(url: &str, query: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// Returns the lines of a log about statements that the database refused, but for waiting at the start.
fn forbidden(process: &Process) -> Vec<String> {
    let log = process.log();
    log.lines()
        .filter(|line| line.contains(&format!("\"{FORBIDDEN}\"")) || line.contains("rejected a statement"))
        .filter(|line| !line.contains("waiting for the ledger"))
        .map(str::to_owned)
        .collect()
}

/// Sends a request that must succeed, without a body if that is null. Returns the answer's body.
async fn does(client: &Client, method: Method, path: &str, body: Value) -> Value {
    let mut request = client.request(method.clone(), path);
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = client.send(request).await;
    assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
    answer.body
}

/// Makes a site, and the roles of its ledger, without any table.
async fn site() -> (Site, Roles) {
    let mut site = Site::new(Layout::POSTGRES_REDIS).await;
    site.configure(|config| config.set("log.level", "info,lethe_worker=debug,lethe_api=debug"));
    let roles = Roles::of(site.ledger.as_deref().unwrap()).await;
    (site, roles)
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_without_rights_on_the_schema_wait_for_the_owner() {
    let (site, roles) = site().await;
    let directory = site.directory.path();
    let start = |command: &str, as_role: &str| role(command, &roles.config(&site, as_role), directory);
    // They do not hold the lock of the migrations while they wait.
    let (mut api, mut worker) = (start("api", "api"), start("worker", "worker"));
    for process in [&mut api, &mut worker] {
        process
            .says("it waits for the owner of the tables", |process| {
                process.log().contains("run `lethe migrate`").then_some(())
            })
            .await;
    }
    let mut other = start("migrate", "worker");
    assert_eq!(other.exits().await.code(), Some(1));
    assert!(
        other.log().contains("run `lethe migrate` as the owner"),
        "{}",
        other.log()
    );
    let url = api
        .says("it listens", |process| {
            service::logged(process, "the API listens", "url")
        })
        .await;
    let client = Client::new(&url, lethe_tests::config::KEY);
    serves_no_data(&client).await;

    let mut owner = start("migrate", "migrate");
    assert!(owner.exits().await.success(), "{}", owner.log());
    // The tables are there, and the API may not read them.
    serves_no_data(&client).await;
    roles.grant().await;
    wait::until_true("the worker has started", || fits(&client)).await;
    assert_eq!(client.get("/readyz").await.status, StatusCode::OK);
    let absent = memories::of("ana", 1);
    client.succeeds(&json!({"select": {"ids": ids(&absent)}})).await;
    assert!(!api.log().contains("due schedules"), "{}", api.log());
    for process in [&mut api, &mut worker] {
        assert!(process.ended().is_none());
    }
}

/// Asserts that an API is alive, not ready, and refuses requests about data for a while.
async fn serves_no_data(client: &Client) {
    assert_eq!(client.get("/livez").await.status, StatusCode::OK);
    assert_eq!(client.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let job = client.request(Method::POST, "/v1/jobs");
    // A key of the ledger cannot be looked up.
    let stranger = Client::new(client.url(), "lethe_unknown");
    for request in [
        stranger.request(Method::GET, "/metrics"),
        client.request(Method::GET, "/v1/jobs"),
        job.json(&json!({"select": {"ids": ["nothing"]}})),
    ] {
        let answer = client.send(request).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
        assert!(answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_rights_on_the_schema_ends_if_another_version_has_migrated_the_ledger() {
    let (site, roles) = site().await;
    let directory = site.directory.path();
    let start = |command: &str, as_role: &str| role(command, &roles.config(&site, as_role), directory);
    let mut owner = start("migrate", "migrate");
    assert!(owner.exits().await.success(), "{}", owner.log());
    roles.grant().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (99, 'later', TRUE, '', 0)";
    let changed = "DELETE FROM _sqlx_migrations WHERE version = 99; UPDATE _sqlx_migrations SET checksum = ''";
    for (statement, advice) in [(newer, "a newer version"), (changed, "another build")] {
        assert_eq!(refused(&roles.ledger, statement).await, None);
        for role in ["api", "worker"] {
            let mut process = start(role, role);
            assert_eq!(process.exits().await.code(), Some(1), "{role}");
            let said = service::logged(&process, "the process stops: the ledger cannot be migrated", "advice");
            assert!(said.is_some_and(|said| said.contains(advice)), "{}", process.log());
        }
    }
}

/// Runs jobs of each kind over nine memories of Ana, and all of Ben. Returns the id of one job.
async fn erase(client: &Client, all: &[Memory]) -> String {
    let by_ids = client.succeeds(&json!({"select": {"ids": ids(&all[..5])}})).await;
    client.succeeds(&json!({"select": {"ids": [all[0].id]}})).await;
    client.succeeds(&with(job(of_user("ana")), "dry_run", true)).await;
    client.succeeds(&job(of_user("ben"))).await;
    let lines: Vec<String> = all[5..9].iter().map(|memory| json!(memory.id).to_string()).collect();
    let upload = client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson")
        .header("idempotency-key", "\"one\"")
        .body([lines.clone(), lines].concat().join("\n"));
    let upload = client.send(upload).await.accepted();
    assert_eq!(client.ended(&upload).await["state"], "succeeded");
    by_ids["id"].as_str().unwrap().to_owned()
}

/// Changes, cancels and retries a job of a paused target.
async fn control(client: &Client, memories: &[Memory]) {
    let target = format!("/v1/targets/{TARGET}");
    does(client, Method::POST, &format!("{target}/pause"), Value::Null).await;
    let waiting = json!({"select": {"ids": ids(memories)}, "per_second": 1});
    let waiting = client.submit(&waiting).await;
    let path = format!("/v1/jobs/{waiting}");
    does(client, Method::PATCH, &path, json!({"per_second": 100})).await;
    does(client, Method::POST, &format!("{path}/cancel"), Value::Null).await;
    assert_eq!(client.ended(&waiting).await["state"], "cancelled");
    does(client, Method::POST, &format!("{path}/retry"), Value::Null).await;
    does(client, Method::POST, &format!("{target}/resume"), Value::Null).await;
    assert_eq!(client.ended(&waiting).await["state"], "succeeded");
}

/// Runs, pauses, replaces and deletes a schedule.
async fn schedule(client: &Client) {
    let path = "/v1/schedules/purge";
    let purge = json!({"cron": "* * * * * *", "time_zone": "UTC", "job": {"select": {"ids": ["nothing"]}}});
    does(client, Method::PUT, path, purge.clone()).await;
    wait::until_true("the schedule has run", || async {
        client.get(path).await.body["last_outcome"] == "fired"
    })
    .await;
    does(client, Method::POST, "/v1/schedules/purge/pause", Value::Null).await;
    does(client, Method::PUT, path, purge).await;
    does(client, Method::DELETE, path, Value::Null).await;
}

/// Creates a key, uses it, and revokes it.
async fn key(client: &Client) {
    let new = json!({"name": "nightly", "scopes": ["jobs:read"]});
    let made = does(client, Method::POST, "/v1/keys", new).await;
    let other = Client::new(client.url(), made["key"].as_str().unwrap());
    assert_eq!(other.get("/v1/jobs").await.status, StatusCode::OK);
    does(client, Method::DELETE, "/v1/keys/nightly", Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_does_its_work_with_the_rights_of_its_role() {
    let (site, roles) = site().await;
    let directory = site.directory.path();
    let mut owner = role("migrate", &roles.config(&site, "migrate"), directory);
    assert!(owner.exits().await.success(), "{}", owner.log());
    roles.grant().await;
    // The file may run again.
    roles.grant().await;
    let all = memories::of("ana", 20);
    site.add(&all).await;
    site.add(&memories::of("ben", 3)).await;
    let api = service::api(&roles.config(&site, "api"), directory).await;
    let worker = service::worker(&roles.config(&site, "worker"), directory).await;
    let client = &api.client;
    wait::until_true("the worker has looked at the mapping", || fits(client)).await;

    let id = erase(client, &all).await;
    control(client, &all[9..12]).await;
    let person = json!({"select": {"subject": {"user_id": "ana"}}});
    client.succeeds(&person).await;
    site.holds(&[]).await;
    schedule(client).await;
    key(client).await;
    let items = format!("/v1/jobs/{id}/items?outcome=absent");
    let paths = ["/v1/keys", "/v1/audit", "/v1/workers", "/v1/targets", "/metrics"];
    for path in paths.into_iter().chain([items.as_str()]) {
        let answer = client.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    }

    // Retention: another worker forgets ended jobs at once.
    worker.process.terminate();
    let forgetting = roles.config(&site, "worker").set("retention.items", "0s");
    let forgetting = service::worker(&forgetting, directory).await;
    wait::until_true("the ledger has forgotten the ended jobs", || async {
        number(&roles.ledger, "SELECT count(*) FROM jobs WHERE cleared = 0").await == 0
    })
    .await;
    assert_eq!(number(&roles.ledger, "SELECT count(*) FROM partitions").await, 0);
    for process in [&api.process, &worker.process, &forgetting.process] {
        assert_eq!(forbidden(process), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_can_do_no_more_than_its_process() {
    let (site, roles) = site().await;
    let mut owner = role("migrate", &roles.config(&site, "migrate"), site.directory.path());
    assert!(owner.exits().await.success(), "{}", owner.log());
    roles.grant().await;
    // As a later version's migration may do.
    assert_eq!(
        refused(&roles.url("migrate"), "CREATE TABLE later (id BIGINT)").await,
        None
    );
    for (role, statements) in [
        (
            "worker",
            &[
                "INSERT INTO api_keys (name) VALUES ('mine')",
                "UPDATE api_keys SET scopes = '[\"admin\"]'",
                "SELECT name FROM api_keys",
                "SELECT name FROM revoked_keys",
                "SELECT value FROM secrets",
                "SELECT name FROM schedules",
                "INSERT INTO jobs (id) VALUES ('mine')",
                "INSERT INTO audit_events (id) VALUES ('mine')",
                "UPDATE audit_events SET event = ''",
                "DELETE FROM audit_events",
                "TRUNCATE audit_events",
                "SELECT event FROM audit_events",
                "DELETE FROM pauses",
                "DELETE FROM totals",
                "SELECT id FROM later",
                "CREATE TABLE mine (id BIGINT)",
                "ALTER TABLE jobs ADD COLUMN mine BIGINT",
                "DROP TABLE audit_events",
            ][..],
        ),
        (
            "api",
            &[
                "UPDATE audit_events SET event = ''",
                "DELETE FROM audit_events",
                "TRUNCATE audit_events",
                "DELETE FROM totals",
                "DELETE FROM secrets",
                "UPDATE secrets SET value = ''",
                "INSERT INTO workers (name) VALUES ('mine')",
                "INSERT INTO siblings (place) VALUES ('mine')",
                "SELECT id FROM later",
                "CREATE TABLE mine (id BIGINT)",
                "ALTER TABLE jobs ADD COLUMN mine BIGINT",
                "DROP TABLE audit_events",
            ],
        ),
        (
            "retention",
            &[
                "SELECT event FROM audit_events",
                "UPDATE audit_events SET at = 0",
                "INSERT INTO audit_events (id) VALUES ('mine')",
                "TRUNCATE audit_events",
                "SELECT id FROM jobs",
                "SELECT name FROM api_keys",
                "SELECT id FROM later",
                "CREATE TABLE mine (id BIGINT)",
            ],
        ),
    ] {
        for statement in statements {
            let code = refused(&roles.url(role), statement).await;
            assert_eq!(code.as_deref(), Some(FORBIDDEN), "{role}: {statement}");
        }
    }
}
