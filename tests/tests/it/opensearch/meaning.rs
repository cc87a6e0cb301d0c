//! Easily missed meanings of OpenSearch's queries.

use lethe_tests::layout::{Layout, Sql};
use lethe_tests::on_both_databases;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Notes, by_query};

on_both_databases!(
    one_of_several_clauses_has_to_match_whatever_is_said,
    an_object_without_values_does_not_exist,
    the_root_of_an_object_keeps_nothing,
    a_keyword_is_a_text_as_it_was_written,
    a_day_is_all_of_it_in_a_column_of_moments,
);

/// Deletes ana's notes that match a query. Returns the number of deleted notes.
async fn deleted(notes: &Notes, query: &Value) -> Value {
    let answer = by_query(&notes.ana, "working", query).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
    answer.body["deleted"].clone()
}

async fn tagged(layout: Layout, tags: &[&str]) -> Notes {
    let row = |(n, tags): (usize, &&str)| format!("('n{n}', 'ana', 'working', 1, 100, '{tags}')");
    let rows: Vec<String> = tags.iter().enumerate().map(row).collect();
    let sql = format!("DELETE FROM notes; INSERT INTO notes VALUES {}", rows.join(", "));
    Notes::with(layout, &sql, |config| config).await
}

async fn one_of_several_clauses_has_to_match_whatever_is_said(layout: Layout) {
    let notes = Notes::start(layout).await;
    for none in [json!(0), json!("0")] {
        let query = json!({"bool": {
            "should": [{"term": {"tags.color": "green"}}], "must_not": [{"ids": {"values": ["w2"]}}],
            "minimum_should_match": none,
        }});
        assert_eq!(deleted(&notes, &query).await, 0);
    }
    let query = json!({"bool": {"should": [{"term": {"tags.color": "blue"}}], "minimum_should_match": 0}});
    assert_eq!(deleted(&notes, &query).await, 1);
    assert_eq!(notes.left().await, "h1 l1 w1 w3");
}

async fn an_object_without_values_does_not_exist(layout: Layout) {
    let tags = [
        "{}",
        r#"{"a": null}"#,
        r#"{"a": [{"b": []}]}"#,
        r#"{"a": {"b": 0}}"#,
        r#"[[""]]"#,
    ];
    let notes = tagged(layout, &tags).await;
    let exists = |field: &str| json!({"exists": {"field": field}});
    assert_eq!(deleted(&notes, &exists("tags")).await, 2);
    assert_eq!(notes.left().await, "n0 n1 n2");
    assert_eq!(deleted(&notes, &exists("tags.a")).await, 0);
    let missing = json!({"bool": {"must_not": [exists("tags")]}});
    assert_eq!(deleted(&notes, &missing).await, 3);
}

async fn the_root_of_an_object_keeps_nothing(layout: Layout) {
    let notes = tagged(layout, &[r#"{"color": {"of": "red"}}"#, r#"{"color": "blue"}"#]).await;
    let but = |query: Value| json!({"bool": {"must": [{"match_all": {}}], "must_not": [query]}});
    let refused = by_query(&notes.ana, "working", &but(json!({"term": {"tags": "red"}}))).await;
    assert_eq!(
        (refused.status, &refused.body["error"]["type"]),
        (StatusCode::BAD_REQUEST, &json!("parsing_exception")),
        "{}",
        refused.text
    );
    // The object below `tags.color` is not compared, and its row stays.
    assert_eq!(deleted(&notes, &but(json!({"term": {"tags.color": "red"}}))).await, 1);
    assert_eq!(notes.left().await, "n0");
}

async fn a_keyword_is_a_text_as_it_was_written(layout: Layout) {
    let notes = tagged(layout, &[r#"{"n": 5}"#, r#"{"n": "5"}"#, r#"{"n": "5.0"}"#]).await;
    assert_eq!(deleted(&notes, &json!({"term": {"tags.n": "5.0"}})).await, 1);
    assert_eq!(notes.left().await, "n0 n1");
    assert_eq!(deleted(&notes, &json!({"term": {"tags.n": 5.0}})).await, 1);
    assert_eq!(notes.left().await, "n1");
}

async fn a_day_is_all_of_it_in_a_column_of_moments(layout: Layout) {
    let row = |id: &str, at: &str| format!("('{id}', 'ana', 'working', 1, 100, NULL, '{at}')");
    let rows = [
        row("a", "2024-01-30T23:59:59.999Z"),
        row("b", "2024-01-31T00:00:00Z"),
        row("c", "2024-01-31T23:59:59.999500Z"),
        row("d", "2024-02-01T00:00:00Z"),
        row("e", "2024-03-29T23:59:59Z"),
        row("f", "2024-03-30T00:00:00Z"),
    ];
    let column = if layout.sql == Sql::Sqlite {
        "TEXT"
    } else {
        "TIMESTAMPTZ"
    };
    let sql = format!(
        "DELETE FROM notes; ALTER TABLE notes ADD COLUMN seen {column}; INSERT INTO notes VALUES {}",
        rows.join(", ")
    );
    let fields = "fields = { tags = \"tags\"";
    let notes = Notes::with(layout, &sql, |config| {
        config.replace(fields, &format!("{fields}, seen = \"seen\""))
    })
    .await;
    let range = |bounds: Value| json!({"range": {"seen": bounds}});
    let after = by_query(&notes.ana, "working", &range(json!({"gt": "2024-01-31"}))).await;
    if layout.sql == Sql::Sqlite {
        // A text column: nothing tells whether it holds dates.
        assert_eq!(after.status, StatusCode::BAD_REQUEST, "{}", after.text);
        assert_eq!(notes.left().await, "a b c d e f");
        return;
    }
    assert_eq!(after.body["deleted"], 3, "{}", after.text);
    assert_eq!(notes.left().await, "a b c");
    assert_eq!(deleted(&notes, &range(json!({"lte": "2024-01-31||"}))).await, 2);
    assert_eq!(deleted(&notes, &range(json!({"lte": "2024-01-31"}))).await, 1);
    notes
        .site
        .memories
        .run(&format!("INSERT INTO notes VALUES {}", rows.join(", ")))
        .await;
    assert_eq!(deleted(&notes, &range(json!({"lte": "2024-02-10||/M+1M"}))).await, 5);
    assert_eq!(notes.left().await, "f");
    let zoned = json!({"gte": "2024-03-30T01:00", "time_zone": "+01:00"});
    assert_eq!(deleted(&notes, &range(zoned)).await, 1);
}
