//! Settings of the session that affect moments, and proposed mappings.

use lethe_common::filter::{Filter, Path};
use lethe_worker::store::TimeBound;
use serde_json::json;

use super::super::filter::query;
use super::super::harness::{Database, table};
use super::calendar::moment;
use super::range;

#[tokio::test]
async fn the_session_is_in_utc_whatever_the_database_was_set_to() {
    let database = Database::postgres().await;
    let name = database.name().to_owned();
    database
        .run(&format!(
            "ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'; ALTER DATABASE {name} SET datestyle = 'SQL, DMY';
             SET timezone = 'UTC';
             CREATE TABLE notes (id INTEGER PRIMARY KEY, made TIMESTAMPTZ, changed TIMESTAMP, said TEXT);
             INSERT INTO notes VALUES (1, '2024-02-01 10:00:00+00', '2024-02-01 10:00:00', '2024-02-01 10:00:00')"
        ))
        .await;
    let mapping = json!({"name": "notes", "columns": {"id": "id", "created_at": "made", "updated_at": "changed"},
        "fields": {"said": "said"}});
    let opened = database.open(&table(mapping)).await;
    let start = opened.start(&query(Filter::All)).await.unwrap().unwrap();
    let newest = TimeBound::UpTo("2024-02-01T10:00:00Z".to_owned());
    assert_eq!((start.written, start.changed), (newest.clone(), Some(newest)));
    for column in ["made", "changed", "said"] {
        for (limit, found) in [(("lt", 36_000), 0), (("lte", 36_000), 1), (("gt", 36_000), 0)] {
            let (operator, seconds) = limit;
            let Filter::Range { bounds, .. } = range(&[(operator, moment(2024, 2, 1, seconds))], 4) else {
                panic!("a range");
            };
            let path = Path::column(column);
            let count = opened.count(&query(Filter::Range { path, bounds })).await.unwrap();
            assert_eq!(count, found, "{column} {operator}");
        }
    }
}

#[tokio::test]
async fn what_is_proposed_says_what_numbers_count_and_leaves_out_what_is_no_time() {
    let database = Database::sqlite().await;
    database
        .run(
            "CREATE TABLE agent_memories (id INTEGER PRIMARY KEY, user_id TEXT, created_at BIGINT, updated_at DATETIME);
             INSERT INTO agent_memories VALUES (1, 'ana', 1706659200, 1706659200123), (2, 'ana', 1706659201, NULL);
             CREATE TABLE chat_memories (id INTEGER PRIMARY KEY, user_id TEXT, created_at TEXT, updated_at DATETIME);
             INSERT INTO chat_memories VALUES (1, 'ana', 'last week', '2024-01-31 15:00:00.000000')",
        )
        .await;
    let proposed = database.store().propose().await.unwrap().tables;
    let agent = proposed
        .iter()
        .find(|table| table.sql_table() == "agent_memories")
        .unwrap();
    assert_eq!(
        serde_json::to_value(&agent.counted).unwrap(),
        json!({"created_at": "seconds", "updated_at": "milliseconds"})
    );
    let chat = proposed
        .iter()
        .find(|table| table.sql_table() == "chat_memories")
        .unwrap();
    let columns = chat.columns.as_ref().unwrap();
    assert_eq!(
        (&columns.created_at, columns.updated_at.as_deref()),
        (&None, Some("updated_at"))
    );
    for (mapping, column) in [(agent, "created_at"), (agent, "updated_at"), (chat, "updated_at")] {
        let opened = database.open(mapping).await;
        let Filter::Range { bounds, .. } = range(&[("lt", moment(2024, 3, 1, 0))], 0) else {
            panic!("a range");
        };
        let path = Path::column(column);
        let old = query(Filter::Range { path, bounds });
        opened.decided(&old).await.unwrap();
        assert!(opened.count(&old).await.unwrap() > 0, "{column}");
        assert!(opened.start(&old).await.unwrap().is_some() || mapping.columns.as_ref().unwrap().created_at.is_none());
    }
}
