//! Deletions by query: deleted rows, kept rows, and refusals.

use lethe_tests::client::Answer;
use lethe_tests::layout::{Layout, Sql};
use lethe_tests::postgres::until_locked_out;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, Side};
use lethe_tests::{memories, on_both_databases};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Notes, ROOT, all, by_query, refused};

on_both_databases!(
    a_query_deletes_what_it_matches_and_nothing_of_other_kinds,
    a_person_deletes_its_own_by_query,
    a_query_that_is_not_understood_deletes_nothing,
    a_query_takes_no_more_than_it_says,
    a_table_is_an_index,
    a_row_that_changes_in_between_aborts_a_purge,
    a_purge_proceeds_past_a_row_that_changes_in_between,
);

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
    // `max_docs` exceeds the number of matches.
    let body = json!({"query": {"range": {"created_time": {"lte": 410}}}, "max_docs": 100});
    let path = format!("{ROOT}/working/_delete_by_query");
    let three = notes.ana.send(notes.ana.request(Method::POST, &path).json(&body)).await;
    assert_eq!(three.body["deleted"], 3, "{}", three.text);
    assert_eq!(notes.count().await, 15);
    // `size` is the old name of `max_docs`.
    let path = format!("{path}?size=1&wait_for_active_shards=1");
    let one = notes
        .ana
        .send(notes.ana.request(Method::POST, &path).json(&all()))
        .await;
    assert_eq!(
        (&one.body["total"], &one.body["deleted"], &one.body["batches"]),
        (&json!(1), &json!(1), &json!(1)),
        "{}",
        one.text
    );
    assert!(one.headers.contains_key("warning"));
    assert_eq!(notes.count().await, 14);
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
    // Rows of any type match.
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

/// Deletes all memories of ana's, and changes the first row of the first batch after it was listed.
async fn changed_in_between(layout: Layout, conflicts: &str) -> (Site, Answer, String) {
    let mut site = Site::new(layout).await;
    site.configure(|config| {
        // With the line's end, since the payload's fields have the same names.
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
    // The first row has no vector, so it loses nothing when it drops out.
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
    let cause = &failure["cause"];
    assert_eq!((&cause["shard"], &cause["index"]), (&json!("0"), &json!("memories")));
    // Its sequence number is the accept time in milliseconds, as for a deletion by id.
    let reason = cause["reason"].as_str().unwrap();
    let number = reason.strip_prefix(&format!("[{first}]: version conflict, required seqNo ["));
    let number = number
        .and_then(|rest| rest.split_once("], primary term [1]"))
        .unwrap()
        .0;
    assert!(number.parse::<u64>().unwrap() > 1_700_000_000_000, "{reason}");
    // Finished deletions remain, and no other batch has begun.
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
