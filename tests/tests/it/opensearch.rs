//! OpenSearch's agentic memory: containers, types, ids and queries over one table of several kinds.

use lethe_common::config::KeyHash;
use lethe_tests::client::{Answer, Client};
use lethe_tests::layout::{Layout, Sql};
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(
    a_memory_is_deleted_by_type_and_id_and_its_version_is_said,
    somebody_elses_memory_is_refused_to_who_reaches_the_container,
    a_query_deletes_what_it_matches_and_nothing_of_other_kinds,
    a_person_deletes_its_own_by_query,
    a_query_that_is_not_understood_deletes_nothing,
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

    async fn left(&self) -> String {
        let list = match self.site.layout.sql {
            Sql::Sqlite => "SELECT COALESCE(group_concat(id, ' '), '') FROM (SELECT id FROM notes ORDER BY id)",
            Sql::Postgres => "SELECT COALESCE(string_agg(id, ' ' ORDER BY id), '') FROM notes",
        };
        self.site.memories.text(list).await
    }
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
        r#"{"query": {"match_all": {}}, "max_docs": 1}"#,
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
    for query in ["slices=2", "wait_for_completion=false", "unknown=1"] {
        let request = admin
            .request(Method::POST, &format!("{path}?{query}"))
            .json(&json!({"query": {"match_all": {}}}));
        let answer = admin.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.body["error"]["type"], "illegal_argument_exception");
    }
    assert_eq!(notes.left().await, "h1 l1 w1 w2 w3");
}
