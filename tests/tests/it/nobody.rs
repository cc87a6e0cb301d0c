//! Persons that no column can hold, and persons without memories.

use lethe_tests::layout::Layout;
use lethe_tests::memories;
use lethe_tests::service::{Service, Site};
use lethe_tests::{on_each_database, wait};
use qdrant_client::qdrant::PointId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const EMAIL: &str = "ana@example.com";

on_each_database!(a_person_whom_no_column_can_hold_is_a_mistake_and_nothing_is_touched);

fn person(user: &str) -> Value {
    json!({"select": {"subject": {"user_id": user}}})
}

/// Makes a site with seven rows of the person 7, whose column holds numbers.
async fn numbered(layout: Layout) -> Site {
    let site = Site::new(layout).await;
    site.memories
        .run(
            "DROP TABLE agno_memories;
             CREATE TABLE agno_memories (memory_id VARCHAR NOT NULL PRIMARY KEY, agent_id VARCHAR, user_id INTEGER);
             CREATE INDEX of_users ON agno_memories (user_id);
             INSERT INTO agno_memories VALUES ('1', NULL, 7), ('2', NULL, 7), ('3', NULL, 7), ('4', NULL, 7),
                 ('5', NULL, 7), ('6', NULL, 7), ('7', NULL, 7)",
        )
        .await;
    site
}

/// Adds a table whose owners are texts, with three rows of a person.
async fn with_names(site: &mut Site) {
    site.memories
        .run(
            "CREATE TABLE notes (id VARCHAR NOT NULL PRIMARY KEY, owner VARCHAR);
             CREATE INDEX of_owners ON notes (owner);
             INSERT INTO notes VALUES ('a', 'ana@example.com'), ('b', 'ana@example.com'), ('c', 'ana@example.com')",
        )
        .await;
    let notes = "[[target.table]]\nname = \"notes\"\ncolumns = { id = \"id\", user = \"owner\" }";
    site.configure(|config| config.targets(notes));
}

/// Waits until a worker has reported the column types.
async fn reported(service: &Service) {
    wait::until_true("a worker has looked at the stores", || async {
        let targets = service.client.get("/v1/targets").await.body;
        targets["targets"][0]["stores"]["sql"]["up"].as_u64() > Some(0)
    })
    .await;
}

fn codes(job: &Value) -> Vec<(String, Option<String>)> {
    let warnings = job["warnings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    warnings
        .iter()
        .map(|warning| (text(&warning["code"]).unwrap(), text(&warning["table"])))
        .collect()
}

async fn a_person_whom_no_column_can_hold_is_a_mistake_and_nothing_is_touched(layout: Layout) {
    let site = numbered(layout).await;
    // On PostgreSQL, no worker has reported the column types. A column of SQLite may hold any type.
    let alone = site.layout == Layout::POSTGRES_REDIS;
    let service = if alone { site.api().await } else { site.up().await };
    let client = &service.client;
    if !alone {
        reported(&service).await;
    }
    if site.layout == Layout::MYSQL {
        // A worker has reported the types: the request is refused at once.
        let answer = client
            .send(client.request(Method::POST, "/v1/jobs").json(&person(EMAIL)))
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        return;
    }
    let mut asked = vec![person(EMAIL), person(EMAIL), person(EMAIL)];
    asked[1]["dry_run"] = true.into();
    asked[2]["select"]["subject"]["aliases"] = json!(["ana", "7a"]);
    asked.push(json!({"select": {"query": {"eq": {"id": "1"}}}, "owner": EMAIL}));
    let mut submitted = Vec::new();
    for asked in &asked {
        submitted.push(client.submit(asked).await);
    }
    let _worker = if alone { Some(site.worker().await) } else { None };

    for id in submitted {
        let job = client.ended(&id).await;
        assert_eq!(
            (&job["state"], &job["error_code"], &job["selected"]),
            (&json!("failed"), &json!("mistyped"), &json!(0)),
            "{job:#}"
        );
        assert_eq!(codes(&job), [("mistyped".to_owned(), Some("memories".to_owned()))]);
    }
    assert_eq!(site.memories.count().await, 7);
    // A number that is too large is a person without memories. With several names, one of them may match.
    let nobody = client.succeeds(&person("99999999999999999999")).await;
    assert_eq!(codes(&nobody), [("nothing_selected".to_owned(), None)]);
    let mut known = person(EMAIL);
    known["select"]["subject"]["aliases"] = json!(["7"]);
    let job = client.succeeds(&known).await;
    assert_eq!((&job["selected"], &job["warnings"]), (&json!(7), &json!([])), "{job:#}");
    assert_eq!(site.memories.count().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_workers_have_said_refuses_a_person_at_once_and_is_absent_to_other_systems() {
    let site = numbered(Layout::POSTGRES).await;
    let service = site.up().await;
    let client = &service.client;
    reported(&service).await;

    let mut asked = person(EMAIL);
    let said = "`select.subject.user_id`: no table of this job can hold this value: `user_id` of `memories` holds \
                whole numbers";
    for aliases in [json!(null), json!(["ana"])] {
        if !aliases.is_null() {
            asked["select"]["subject"]["aliases"] = aliases;
        }
        let answer = client.send(client.request(Method::POST, "/v1/jobs").json(&asked)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        assert!(answer.text.contains(said), "{}", answer.text);
        assert!(!answer.text.contains(EMAIL), "{}", answer.text);
    }
    let schedule = json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": asked});
    let request = client.request(Method::PUT, "/v1/schedules/nightly").json(&schedule);
    let answer = client.send(request).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    assert!(answer.text.contains("`job.select.subject.user_id`"), "{}", answer.text);
    asked["select"]["subject"]["aliases"] = json!(["7"]);
    asked["dry_run"] = true.into();
    assert_eq!(client.succeeds(&asked).await["selected"], 7);

    // mem0's API treats the person as absent.
    let path = format!("/v2/entities/user/{EMAIL}");
    let answer = client.send(client.request(Method::DELETE, &path)).await;
    let job = client.ended(answer.headers["lethe-job"].to_str().unwrap()).await;
    assert_eq!(job["state"], "succeeded", "{} {job:#}", answer.text);
    assert_eq!(codes(&job), [("nothing_selected".to_owned(), None)]);
    assert_eq!(site.memories.count().await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_hold_a_person_is_skipped_and_the_others_are_not() {
    for layout in [Layout::POSTGRES, Layout::SQLITE] {
        let mut site = numbered(layout).await;
        with_names(&mut site).await;
        // A vector of the skipped table carries the name. It stays, as the warning says.
        site.vectors.add(&memories::of(EMAIL, 1)).await;
        let service = site.up().await;
        reported(&service).await;
        let mut look = person(EMAIL);
        look["dry_run"] = true.into();
        let preview = service.client.succeeds(&look).await;
        assert_eq!(preview["selected"], 3, "{preview:#}");

        let job = service.client.succeeds(&person(EMAIL)).await;

        assert_eq!(job["selected"], 3, "{job:#}");
        for job in [preview, job] {
            assert_eq!(codes(&job), [("mistyped".to_owned(), Some("memories".to_owned()))]);
        }
        assert_eq!(site.memories.count().await, 7);
        assert_eq!(site.memories.number("SELECT count(*) FROM notes").await, 0);
        assert_eq!(site.vectors.count().await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sqlite_holds_in_a_column_of_numbers_is_found() {
    let site = numbered(Layout::SQLITE).await;
    site.memories
        .run("INSERT INTO agno_memories (memory_id, user_id) VALUES ('8', 'ana@example.com')")
        .await;
    let service = site.up().await;

    let job = service.client.succeeds(&person(EMAIL)).await;

    assert_eq!((&job["selected"], &job["warnings"]), (&json!(1), &json!([])), "{job:#}");
    assert_eq!(site.memories.count().await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_name_only_sqlite_takes_for_a_number_is_read_back() {
    let site = numbered(Layout::SQLITE).await;
    site.memories
        .run(&format!(
            "UPDATE agno_memories SET user_id = '{EMAIL}' WHERE memory_id = '1'"
        ))
        .await;
    // Beside her own row, a point names her and another person's memory.
    let strange = json!({"memory_id": "2", "user_id": EMAIL});
    site.vectors.put([(PointId::from(2_u64), strange)]).await;
    let service = site.start().await;

    let id = service.client.submit(&person(EMAIL)).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["error_code"], "unverifiable", "{job:#}");
    assert_eq!((site.memories.count().await, site.vectors.count().await), (6, 1));
}
