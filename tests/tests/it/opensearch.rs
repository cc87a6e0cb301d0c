//! OpenSearch's agentic memory: containers, types, ids and queries over one table of several kinds.

mod dates;
mod fuzz;
mod ids;
mod meaning;
mod moments;
mod queries;
mod slices;
mod tasks;

use lethe_common::config::KeyHash;
use lethe_tests::client::{Answer, Client};
use lethe_tests::config::Config;
use lethe_tests::layout::{Layout, Sql};
use lethe_tests::service::{Service, Site};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const ROOT: &str = "/_plugins/_ml/memory_containers/notes/memories";

const TABLE: &str = "CREATE TABLE notes (
    id VARCHAR NOT NULL PRIMARY KEY, owner VARCHAR, kind VARCHAR NOT NULL, version BIGINT, created_at BIGINT NOT NULL,
    tags JSON);
    INSERT INTO notes VALUES
        ('w1', 'ana', 'working', 4, 100, '{\"color\": \"red\"}'), ('w2', 'ana', 'working', 1, 200, '{\"color\": \"blue\"}'),
        ('w3', 'ben', 'working', 1, 300, '{\"color\": \"red\"}'), ('l1', 'ana', 'long-term', 1, 100, NULL),
        ('h1', 'ben', 'history', NULL, 100, '[\"red\"]')";

/// A service over a table of notes, with ana's client beside the admin's.
struct Notes {
    site: Site,
    service: Service,
    ana: Client,
}

impl Notes {
    async fn start(layout: Layout) -> Self {
        Self::with(layout, "", |config| config).await
    }

    /// Starts with one more statement, and changed settings.
    async fn with(layout: Layout, sql: &str, change: impl FnOnce(Config) -> Config) -> Self {
        let mut site = Site::new(layout).await;
        site.memories.run(TABLE).await;
        if !sql.is_empty() {
            site.memories.run(sql).await;
        }
        let url = site.memories.url().to_owned();
        site.configure(|config| {
            let hash = KeyHash::of("ana's key");
            config.targets(&format!(
                r#"
[[target]]
name = "notes"
sql = {{ url = "{url}" }}
  [[target.table]]
  name = "notes"
  columns = {{ id = "id", user = "owner", kind = "kind", version = "version", created_at = "created_at" }}
  fields = {{ tags = "tags" }}

[[auth.key]]
name = "ana"
sha256 = "{hash}"
scopes = ["memories:delete"]
user = "ana"

# Named or not, the table holds several kinds.
[compat.opensearch.types]
long-term = "notes"
"#
            ))
        });
        site.configure(change);
        let service = site.start().await;
        let ana = Client::new(service.client.url(), "ana's key");
        Self { site, service, ana }
    }

    /// Writes working notes of ana's: n001, n002, ….
    async fn add(&self, n: usize) {
        let row = |n| format!("('n{n:03}', 'ana', 'working', 1, {}, NULL)", 400 + n);
        let rows: Vec<String> = (1..=n).map(row).collect();
        let insert = format!("DELETE FROM notes; INSERT INTO notes VALUES {}", rows.join(", "));
        self.site.memories.run(&insert).await;
    }

    async fn count(&self) -> usize {
        let n = self.site.memories.number("SELECT COUNT(*) FROM notes").await;
        usize::try_from(n).unwrap()
    }

    /// Begins to delete all of ana's working notes. Returns the task.
    async fn begin(&self, parameters: &str) -> String {
        let path = format!("{ROOT}/working/_delete_by_query?wait_for_completion=false&{parameters}");
        let answer = self.ana.send(self.ana.request(Method::POST, &path).json(&all())).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.body["task"].as_str().unwrap().to_owned()
    }

    async fn task(&self, task: &str, parameters: &str) -> Value {
        let answer = self.ana.get(&format!("/_tasks/{task}{parameters}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.body
    }

    async fn rethrottle(&self, task: &str, pace: &str) {
        let path = format!("/_delete_by_query/{task}/_rethrottle?requests_per_second={pace}");
        let answer = self.ana.post(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }

    /// Returns the milliseconds until the next look at the last job, or `None` while a worker has it.
    async fn next_attempt_in(&self) -> Option<i64> {
        let listed = self.service.client.get("/v1/jobs?limit=1").await;
        let next: jiff::Timestamp = listed.body["jobs"][0]["next_attempt_at"].as_str()?.parse().unwrap();
        Some(next.as_millisecond() - lethe_common::clock::Clock::system().now().as_millisecond())
    }

    async fn left(&self) -> String {
        let list = match self.site.layout.sql {
            Sql::Sqlite => "SELECT COALESCE(group_concat(id, ' '), '') FROM (SELECT id FROM notes ORDER BY id)",
            Sql::Mysql => "SELECT COALESCE(group_concat(id ORDER BY id SEPARATOR ' '), '') FROM notes",
            Sql::Postgres => "SELECT COALESCE(string_agg(id, ' ' ORDER BY id), '') FROM notes",
        };
        self.site.memories.text(list).await
    }
}

fn all() -> Value {
    json!({"query": {"match_all": {}}})
}

async fn delete(client: &Client, path: &str) -> Answer {
    client
        .send(client.request(Method::DELETE, &format!("{ROOT}/{path}")))
        .await
}

async fn by_query(client: &Client, kind: &str, query: &Value) -> Answer {
    let path = format!("{ROOT}/{kind}/_delete_by_query");
    let body = json!({"query": query});
    client.send(client.request(Method::POST, &path).json(&body)).await
}

#[track_caller]
fn refused(answer: &Answer, status: StatusCode, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let error = &answer.body["error"];
    assert_eq!(error["reason"], reason);
    assert_eq!(error["root_cause"][0], json!({"type": error["type"], "reason": reason}));
    assert_eq!(answer.body["status"], status.as_u16());
}
