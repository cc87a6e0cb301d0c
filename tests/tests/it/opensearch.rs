//! OpenSearch's agentic memory: containers, types, ids and queries over one table of several kinds.

use std::time::{Duration, Instant};

use lethe_common::config::KeyHash;
use lethe_tests::client::{Answer, Client};
use lethe_tests::layout::{Layout, Sql};
use lethe_tests::memories;
use lethe_tests::on_both_databases;
use lethe_tests::postgres::until_locked_out;
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::wait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(
    a_memory_is_deleted_by_type_and_id_and_its_version_is_said,
    somebody_elses_memory_is_refused_to_who_reaches_the_container,
    a_query_deletes_what_it_matches_and_nothing_of_other_kinds,
    a_person_deletes_its_own_by_query,
    a_query_that_is_not_understood_deletes_nothing,
    a_query_takes_no_more_than_it_says,
    a_purge_follows_its_pace_within_a_second,
    a_purge_is_cancelled_as_a_task,
    a_table_is_an_index,
    a_row_that_changes_in_between_aborts_a_purge,
    a_purge_proceeds_past_a_row_that_changes_in_between,
);

const ROOT: &str = "/_plugins/_ml/memory_containers/notes/memories";

const TABLE: &str = "CREATE TABLE notes (
    id VARCHAR NOT NULL PRIMARY KEY, owner VARCHAR, kind VARCHAR NOT NULL, version BIGINT, created_at BIGINT NOT NULL,
    tags JSON);
    INSERT INTO notes VALUES
        ('w1', 'ana', 'working', 4, 100, '{\"color\": \"red\"}'), ('w2', 'ana', 'working', 1, 200, '{\"color\": \"blue\"}'),
        ('w3', 'ben', 'working', 1, 300, '{\"color\": \"red\"}'), ('l1', 'ana', 'long-term', 1, 100, NULL),
        ('h1', 'ben', 'history', NULL, 100, '[\"red\"]')";

/// A service over a table of notes, callers for ana and for everybody.
struct Notes {
    site: Site,
    service: Service,
    ana: Client,
}

impl Notes {
    async fn start(layout: Layout) -> Self {
        let mut site = Site::new(layout).await;
        site.memories.run(TABLE).await;
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

    /// Begins to delete everything of ana's; returns the task.
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

async fn a_memory_is_deleted_by_type_and_id_and_its_version_is_said(layout: Layout) {
    let notes = Notes::start(layout).await;
    let admin = &notes.service.client;
    // Types are written in any case; a memory of another type is not there.
    let missing = delete(admin, "history/w1").await;
    refused(&missing, StatusCode::NOT_FOUND, "Memory not found");
    let deleted = delete(admin, "Working/w1").await;
    assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
    let body = &deleted.body;
    assert_eq!(
        (&body["result"], &body["_id"], &body["_version"], &body["_index"]),
        (&json!("deleted"), &json!("w1"), &json!(5), &json!("notes"))
    );
    assert_eq!(body["_shards"], json!({"total": 1, "successful": 1, "failed": 0}));
    // Without a version it is the first.
    assert_eq!(delete(admin, "history/h1").await.body["_version"], 2);
    assert_eq!(notes.left().await, "l1 w2 w3");

    let wrong = delete(admin, "dreams/x").await;
    let reason = "Invalid memory type: dreams. Must be one of: sessions, working, long-term, history";
    refused(&wrong, StatusCode::BAD_REQUEST, reason);
    let elsewhere = "/_plugins/_ml/memory_containers/nowhere/memories/working/w2";
    let elsewhere = admin.send(admin.request(Method::DELETE, elsewhere)).await;
    refused(&elsewhere, StatusCode::NOT_FOUND, "Memory container not found");
}

async fn somebody_elses_memory_is_refused_to_who_reaches_the_container(layout: Layout) {
    let notes = Notes::start(layout).await;
    let strangers = delete(&notes.ana, "working/w3").await;
    let reason = "User doesn't have permissions to delete this memory";
    refused(&strangers, StatusCode::FORBIDDEN, reason);
    refused(
        &delete(&notes.ana, "working/none").await,
        StatusCode::NOT_FOUND,
        "Memory not found",
    );
    assert_eq!(notes.left().await, "h1 l1 w1 w2 w3");
    assert_eq!(delete(&notes.ana, "working/w1").await.status, StatusCode::OK);
    assert_eq!(notes.left().await, "h1 l1 w2 w3");
    // What found that out was nobody's job to see.
    let jobs = notes.ana.get("/v1/jobs").await;
    assert!(
        jobs.body["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|job| job["dry_run"] == false)
    );
}

async fn a_query_deletes_what_it_matches_and_nothing_of_other_kinds(layout: Layout) {
    let notes = Notes::start(layout).await;
    let admin = &notes.service.client;
    let red = by_query(admin, "working", &json!({"term": {"tags.color": "red"}})).await;
    assert_eq!(red.status, StatusCode::OK, "{}", red.text);
    let expected = json!({
        "took": red.body["took"], "timed_out": false, "total": 2, "updated": 0, "created": 0, "deleted": 2, "batches": 1,
        "version_conflicts": 0, "noops": 0, "retries": {"bulk": 0, "search": 0}, "throttled_millis": 0,
        "requests_per_second": -1.0, "throttled_until_millis": 0, "failures": [],
    });
    assert_eq!(red.body, expected);
    assert_eq!(notes.left().await, "h1 l1 w2");

    let none = by_query(admin, "working", &json!({"range": {"created_time": {"lt": 200}}})).await;
    assert_eq!(
        (&none.body["total"], &none.body["deleted"]),
        (&json!(0), &json!(0)),
        "{}",
        none.text
    );
    let all = by_query(admin, "long-term", &json!({"match_all": {}})).await;
    assert_eq!(all.body["deleted"], 1, "{}", all.text);
    assert_eq!(notes.left().await, "h1 w2");
}

async fn a_person_deletes_its_own_by_query(layout: Layout) {
    let notes = Notes::start(layout).await;
    let everything = by_query(&notes.ana, "working", &json!({"match_all": {}})).await;
    assert_eq!(everything.body["deleted"], 2, "{}", everything.text);
    let strangers = by_query(&notes.ana, "working", &json!({"match": {"owner_id": "ben"}})).await;
    assert_eq!(strangers.body["total"], 0, "{}", strangers.text);
    assert_eq!(notes.left().await, "h1 l1 w3");
}

async fn a_query_that_is_not_understood_deletes_nothing(layout: Layout) {
    let notes = Notes::start(layout).await;
    let admin = &notes.service.client;
    let path = format!("{ROOT}/working/_delete_by_query");
    let missing = "Query parameter is required for delete by query operation. To delete all documents, explicitly \
        provide a match_all query: {\"query\": {\"match_all\": {}}}";
    for body in ["", "{}", "{\"query\": null}"] {
        let request = admin
            .request(Method::POST, &path)
            .header("content-type", "application/json");
        refused(&admin.send(request.body(body)).await, StatusCode::BAD_REQUEST, missing);
    }
    for body in [
        r#"{"query": {"match_all": {}}, "query": {"match_none": {}}}"#,
        r#"{"query": {"match_all": {}}, "slice": {"id": 0, "max": 2}}"#,
        r#"{"query": {"bool": {}}}"#,
        r#"{"query": {"term": {"nobody": 1}}}"#,
        r#"{"query": "#,
        "[]",
    ] {
        let request = admin
            .request(Method::POST, &path)
            .header("content-type", "application/json");
        let answer = admin.send(request.body(body)).await;
        assert_eq!(
            (answer.status, &answer.body["error"]["type"]),
            (StatusCode::BAD_REQUEST, &json!("parsing_exception")),
            "{body}: {}",
            answer.text
        );
    }
    for query in ["slices=0", "max_docs=-1", "unknown=1"] {
        let request = admin
            .request(Method::POST, &format!("{path}?{query}"))
            .json(&json!({"query": {"match_all": {}}}));
        let answer = admin.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.body["error"]["type"], "illegal_argument_exception");
    }
    assert_eq!(notes.left().await, "h1 l1 w1 w2 w3");
}

async fn a_query_takes_no_more_than_it_says(layout: Layout) {
    let notes = Notes::start(layout).await;
    notes.add(25).await;
    let path = format!("{ROOT}/working/_delete_by_query?scroll_size=2&slices=3&max_docs=7");
    let seven = notes
        .ana
        .send(notes.ana.request(Method::POST, &path).json(&all()))
        .await;
    let body = &seven.body;
    assert_eq!(
        (&body["total"], &body["deleted"], &body["batches"], &body["failures"]),
        (&json!(7), &json!(7), &json!(4), &json!([])),
        "{}",
        seven.text
    );
    assert_eq!(notes.count().await, 18);
    // More than there is.
    let body = json!({"query": {"range": {"created_time": {"lte": 410}}}, "max_docs": 100});
    let path = format!("{ROOT}/working/_delete_by_query");
    let three = notes.ana.send(notes.ana.request(Method::POST, &path).json(&body)).await;
    assert_eq!(three.body["deleted"], 3, "{}", three.text);
    let body = json!({"query": {"match_all": {}}, "max_docs": 0});
    let none = notes.ana.send(notes.ana.request(Method::POST, &path).json(&body)).await;
    assert_eq!(
        (&none.body["total"], &none.body["failures"]),
        (&json!(0), &json!([])),
        "{}",
        none.text
    );
    assert_eq!(notes.count().await, 15);
}

async fn a_purge_follows_its_pace_within_a_second(layout: Layout) {
    let notes = Notes::start(layout).await;
    notes.add(300).await;
    // About a month a memory.
    let task = notes.begin("requests_per_second=0.0000004").await;
    let first = || async { notes.task(&task, "").await["task"]["status"]["deleted"] == 1 };
    wait::until_true("the first is gone", first).await;
    let seen = notes.task(&task, "").await;
    let status = &seen["task"]["status"];
    assert_eq!(
        (&seen["completed"], &status["deleted"]),
        (&json!(false), &json!(1)),
        "{seen}"
    );
    assert!(
        status["throttled_until_millis"].as_u64().unwrap() > 1_000_000_000,
        "{seen}"
    );
    assert!(status["throttled_millis"].as_u64().unwrap() < 60_000, "{seen}");

    let start = Instant::now();
    notes.rethrottle(&task, "20").await;
    wait::until_true("it goes on", || async { notes.count().await < 299 }).await;
    let faster = start.elapsed();
    assert!(faster < Duration::from_millis(1_500), "{faster:?}");

    notes.rethrottle(&task, "0.0000004").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = notes.count().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    // At most the one memory that a batch is worth by now.
    assert!(before - notes.count().await <= 1, "slower after the batch");

    let start = Instant::now();
    notes.rethrottle(&task, "-1").await;
    let ended = notes.task(&task, "?wait_for_completion=true&timeout=30s").await;
    let unthrottled = start.elapsed();
    assert_eq!(
        (
            &ended["completed"],
            &ended["response"]["deleted"],
            &ended["response"]["failures"]
        ),
        (&json!(true), &json!(300), &json!([])),
        "{ended}"
    );
    assert!(unthrottled < Duration::from_secs(4), "{unthrottled:?}");
    assert_eq!(notes.count().await, 0);
}

async fn a_purge_is_cancelled_as_a_task(layout: Layout) {
    let notes = Notes::start(layout).await;
    notes.add(50).await;
    let task = notes.begin("requests_per_second=10").await;
    wait::until_true("it has begun", || async { notes.count().await < 50 }).await;
    let listed = notes.ana.get("/_tasks?detailed=true&group_by=parents").await;
    assert_eq!(
        listed.body["tasks"][&task]["description"], "delete-by-query [notes]",
        "{}",
        listed.text
    );
    let answer = notes
        .ana
        .post(&format!("/_tasks/{task}/_cancel?wait_for_completion=true"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let ended = notes.task(&task, "").await;
    assert_eq!(
        (&ended["completed"], &ended["response"]["canceled"]),
        (&json!(true), &json!("by user request")),
        "{ended}"
    );
    let left = notes.count().await;
    assert_eq!(ended["response"]["deleted"], 50 - left, "{ended}");
    let answer = notes
        .ana
        .send(notes.ana.request(Method::DELETE, &format!("/_tasks/{task}")))
        .await;
    assert_eq!(answer.body, json!({"acknowledged": true}));
    let gone = notes.ana.get(&format!("/_tasks/{task}")).await;
    assert_eq!(
        gone.body["error"]["type"], "resource_not_found_exception",
        "{}",
        gone.text
    );
}

async fn a_table_is_an_index(layout: Layout) {
    let notes = Notes::start(layout).await;
    let admin = &notes.service.client;
    let body = json!({"query": {"term": {"owner_id": "ben"}}});
    let send = async |index: &str, body: &Value| {
        let request = admin.request(Method::POST, &format!("/{index}/_delete_by_query"));
        admin.send(request.json(body)).await
    };
    let bens = send("notes", &body).await;
    // Of whatever type.
    assert_eq!(
        (bens.status, &bens.body["deleted"]),
        (StatusCode::OK, &json!(2)),
        "{}",
        bens.text
    );
    assert_eq!(notes.left().await, "l1 w1 w2");
    refused(
        &send("dreams", &body).await,
        StatusCode::NOT_FOUND,
        "no such index [dreams]",
    );
    let missing = send("notes", &json!({})).await;
    refused(
        &missing,
        StatusCode::BAD_REQUEST,
        "Validation Failed: 1: query is missing;",
    );
    let rest = send("notes.notes", &all()).await;
    assert_eq!(rest.body["deleted"], 3, "{}", rest.text);
}

/// Deletes everything of ana's while the first row of the first batch is changed after it was listed.
async fn changed_in_between(layout: Layout, conflicts: &str) -> (Site, Answer, String) {
    let mut site = Site::new(layout).await;
    site.configure(|config| {
        // With the end of its line: the payload's fields are called the same.
        config
            .replace(
                "agent = \"agent_id\" }\n",
                "agent = \"agent_id\", created_at = \"created_at\" }\n",
            )
            .set("worker.batch", 5)
            .set("worker.slots", 1)
    });
    let mut all = memories::of("ana", 20);
    all.sort_by(|a, b| a.id.cmp(&b.id));
    // Without a vector nothing of it has gone when it drops out.
    site.memories.add(&all).await;
    site.vectors.add(&all[1..]).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let client = service.client.clone();
    let path = format!("/memories/_delete_by_query?conflicts={conflicts}");
    let body = json!({"query": {"term": {"owner_id": "ana"}}});
    let answer = tokio::spawn(async move { client.send(client.request(Method::POST, &path).json(&body)).await });
    deletion.caught().await;
    let lock = site.memories.lock().await;
    deletion.release();
    if layout.sql == Sql::Postgres {
        until_locked_out(&site.memories).await;
    }
    let first = all[0].id.clone();
    lock.commit(&format!(
        "UPDATE agno_memories SET user_id = 'bob' WHERE memory_id = '{first}'"
    ))
    .await;
    let answer = answer.await.unwrap();
    (site, answer, first)
}

async fn a_row_that_changes_in_between_aborts_a_purge(layout: Layout) {
    let (site, answer, first) = changed_in_between(layout, "abort").await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    let body = &answer.body;
    assert_eq!(
        (&body["deleted"], &body["version_conflicts"]),
        (&json!(4), &json!(1)),
        "{}",
        answer.text
    );
    let failure = &body["failures"][0];
    assert_eq!(
        (
            &failure["index"],
            &failure["id"],
            &failure["status"],
            &failure["cause"]["type"]
        ),
        (
            &json!("memories"),
            &json!(first),
            &json!(409),
            &json!("version_conflict_engine_exception")
        )
    );
    // Deletions already made stick; nothing else has begun.
    assert_eq!(site.memories.count().await, 16);
    assert_eq!(site.vectors.count().await, 15);
}

async fn a_purge_proceeds_past_a_row_that_changes_in_between(layout: Layout) {
    let (site, answer, _) = changed_in_between(layout, "proceed").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = &answer.body;
    assert_eq!(
        (&body["deleted"], &body["version_conflicts"], &body["failures"]),
        (&json!(19), &json!(1), &json!([])),
        "{}",
        answer.text
    );
    assert_eq!((site.memories.count().await, site.vectors.count().await), (1, 0));
}
