//! Date bounds on columns of moments and on columns of seconds.

use lethe_tests::layout::{Layout, Sql};
use lethe_tests::on_both_databases;
use serde_json::{Value, json};

use super::{Notes, by_query};

on_both_databases!(what_is_older_than_a_date_goes, what_is_not_younger_than_a_date_goes);

/// Starts with notes of a hundred and of ten days ago. `seen` holds moments, `created_at` counts seconds.
async fn notes(layout: Layout) -> Notes {
    let (column, seconds, seen) = if layout.sql == Sql::Sqlite {
        (
            "TEXT",
            "CAST(strftime('%s', 'now') AS INTEGER)",
            "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-DAYS days')",
        )
    } else {
        (
            "TIMESTAMPTZ",
            "CAST(extract(epoch FROM now()) AS BIGINT)",
            "now() - INTERVAL 'DAYS days'",
        )
    };
    let row = |id: &str, days: u32| {
        let seen = seen.replace("DAYS", &days.to_string());
        format!("('{id}', 'ana', 'working', 1, {seconds} - {days} * 86400, NULL, {seen})")
    };
    let rows = [
        row("o1", 100),
        row("o2", 100),
        row("o3", 100),
        row("o4", 100),
        row("y1", 10),
    ];
    let sql = format!(
        "DELETE FROM notes; ALTER TABLE notes ADD COLUMN seen {column}; INSERT INTO notes VALUES {}",
        rows.join(", ")
    );
    let fields = "fields = { tags = \"tags\"";
    Notes::with(layout, &sql, |config| {
        config.replace(fields, &format!("{fields}, seen = \"seen\""))
    })
    .await
}

/// Deletes by a query, with one old note and the young one as candidates.
async fn delete(notes: &Notes, id: &str, query: Value) {
    let ids = json!({"ids": {"values": [id, "y1"]}});
    let answer = by_query(&notes.ana, "working", &json!({"bool": {"must": [ids, query]}})).await;
    assert_eq!(answer.body["deleted"], 1, "{query}: {}", answer.text);
}

async fn what_is_older_than_a_date_goes(layout: Layout) {
    let notes = notes(layout).await;
    let range = |field: &str, bounds: Value| json!({"range": {field: bounds}});
    let seconds = json!({"lt": "now-90d", "format": "epoch_second"});
    delete(&notes, "o1", range("created_time", seconds.clone())).await;
    delete(&notes, "o2", range("seen", json!({"lte": "now-90d/d"}))).await;
    delete(
        &notes,
        "o3",
        range(
            "seen",
            json!({"lt": "now-3M", "format": "epoch_millis||strict_date_optional_time"}),
        ),
    )
    .await;
    // Seconds are not read as milliseconds, in any column.
    delete(&notes, "o4", range("seen", seconds)).await;
    assert_eq!(notes.left().await, "y1");
}

async fn what_is_not_younger_than_a_date_goes(layout: Layout) {
    let notes = notes(layout).await;
    let not = |field: &str, format: &str| {
        let range = json!({"range": {field: {"gte": "now-90d", "format": format}}});
        json!({"bool": {"must_not": [range]}})
    };
    delete(&notes, "o1", not("created_time", "epoch_second")).await;
    delete(&notes, "o2", not("seen", "strict_date_optional_time")).await;
    delete(&notes, "o3", not("seen", "epoch_second")).await;
    // The unit of the column is not given: under a negation, the query could match every row.
    let unsaid = json!({"bool": {"must_not": [{"range": {"created_time": {"gte": "now-90d"}}}]}});
    let answer = by_query(&notes.ana, "working", &unsaid).await;
    assert_eq!(answer.body["error"]["type"], "parsing_exception", "{}", answer.text);
    assert_eq!(notes.left().await, "o4 y1");
}
