//! Rows that go with a memory, before it.

use lethe_common::config::Table;
use lethe_worker::store::{Class, StoreError};
use serde_json::json;

use super::harness::{Database, table};
use crate::{item, items, of_user};

super::on_each! {
    dependents_go_with_their_memory_and_no_others_do,
    dependents_of_a_memory_that_changed_hands_stay,
    a_dependent_that_is_not_mapped_keeps_its_memory,
    what_the_database_keeps_does_not_keep_the_others,
    a_row_that_a_trigger_keeps_keeps_its_dependents,
    more_than_one_batch_with_dependents,
}

fn with_dependents() -> Table {
    table(json!({
        "name": "memories",
        "columns": {"id": "id", "user": "user_id", "workspace": "workspace_id"},
        "dependents": [
            {"table": "chunks", "references": "memory_id"},
            {"table": "history", "references": "of"},
        ],
    }))
}

async fn prepare(database: &Database) {
    database.memories("TEXT").await;
    database
        .run(
            "CREATE TABLE chunks (n INTEGER PRIMARY KEY, memory_id TEXT NOT NULL REFERENCES memories (id));
             CREATE TABLE history (\"of\" TEXT, body TEXT)",
        )
        .await;
    database
        .add(&[
            ("1", "alice", "w"),
            ("2", "bob", "w"),
            ("A", "alice", "w"),
            ("a", "bob", "w"),
        ])
        .await;
    database
        .run(
            "INSERT INTO chunks VALUES (10, '1'), (11, '1'), (20, '2'), (30, 'A'), (40, 'a');
             INSERT INTO history VALUES ('1', 'x'), ('2', 'y'), ('A', 'z'), ('a', 'z'), ('9', 'z')",
        )
        .await;
}

async fn dependents_go_with_their_memory_and_no_others_do(database: Database) {
    prepare(&database).await;
    let table = database.open(&with_dependents()).await;

    let deleted = table
        .delete(&items(&["1", "2", "A", "a", "9"], &of_user("alice")))
        .await
        .unwrap()
        .deleted;

    assert_eq!(deleted, [true, false, true, false, false]);
    assert_eq!(database.left("memories", "id").await, ["2", "a"]);
    assert_eq!(database.left("chunks", "n").await, ["20", "40"]);
    assert_eq!(database.left("history", "\"of\"").await, ["2", "9", "a"]);
}

async fn dependents_of_a_memory_that_changed_hands_stay(database: Database) {
    prepare(&database).await;
    let table = database.open(&with_dependents()).await;

    database.run("UPDATE memories SET user_id = 'bob' WHERE id = '1'").await;

    assert_eq!(
        table.delete(&items(&["1"], &of_user("alice"))).await.unwrap().deleted,
        [false]
    );
    assert_eq!(database.left("chunks", "n").await, ["10", "11", "20", "30", "40"]);
}

async fn a_dependent_that_is_not_mapped_keeps_its_memory(database: Database) {
    prepare(&database).await;
    let table = database.open(&super::harness::mapping()).await;

    let deletion = table.delete(&items(&["1"], &of_user("alice"))).await.unwrap();

    let error = &deletion.refused[&0];
    assert_eq!((error.code(), error.class()), ("constraint", Class::Permanent));
    assert!(!error.is_outage() && !deletion.deleted[0]);
    assert_eq!(database.left("memories", "id").await, ["1", "2", "A", "a"]);
}

async fn what_the_database_keeps_does_not_keep_the_others(database: Database) {
    let table = database.memories("TEXT").await;
    let ids: Vec<String> = (0..1_200).map(|n| format!("{n:04}")).collect();
    let rows: Vec<_> = ids.iter().map(|id| (id.as_str(), "alice", "w")).collect();
    database.add(&rows).await;
    database
        .run(
            "CREATE TABLE notes (memory_id TEXT REFERENCES memories (id));
             INSERT INTO notes VALUES ('0003'), ('0600'), ('1199')",
        )
        .await;
    let table = database.open(&table).await;
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();

    let deletion = table.delete(&items(&all, &of_user("alice"))).await.unwrap();

    let refused: Vec<(usize, &str)> = deletion.refused.iter().map(|(n, error)| (*n, error.code())).collect();
    assert_eq!(refused, [(3, "constraint"), (600, "constraint"), (1199, "constraint")]);
    assert_eq!(deletion.deleted.iter().filter(|deleted| **deleted).count(), 1_197);
    assert_eq!(database.left("memories", "id").await, ["0003", "0600", "1199"]);
}

async fn a_row_that_a_trigger_keeps_keeps_its_dependents(database: Database) {
    prepare(&database).await;
    let trigger = if database.is_postgres() {
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER keep BEFORE DELETE ON memories FOR EACH ROW EXECUTE FUNCTION keep()"
    } else if database.is_mysql() {
        "CREATE TRIGGER keep BEFORE DELETE ON memories FOR EACH ROW SIGNAL SQLSTATE '45000'"
    } else {
        "CREATE TRIGGER keep BEFORE DELETE ON memories BEGIN SELECT RAISE(IGNORE); END"
    };
    database.run(trigger).await;
    let table = database.open(&with_dependents()).await;

    let deletion = table.delete(&items(&["1"], &of_user("alice"))).await.unwrap();

    // A trigger of MySQL cannot keep a row without saying so.
    let refused = &deletion.refused[&0];
    assert!(matches!(refused, StoreError::Kept) || (database.is_mysql() && refused.code() == "rejected"));
    assert_eq!(database.left("chunks", "n").await, ["10", "11", "20", "30", "40"]);
}

async fn more_than_one_batch_with_dependents(database: Database) {
    database.memories("BIGINT").await;
    // References of another type than the id.
    database
        .run(
            "CREATE TABLE chunks (memory_id TEXT);
             CREATE TABLE history (\"of\" INTEGER);
             INSERT INTO memories (id, user_id)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) SELECT i, i % 2 FROM n;
             INSERT INTO chunks SELECT CAST(id AS TEXT) FROM memories;
             INSERT INTO history SELECT id FROM memories",
        )
        .await;
    let table = database.open(&with_dependents()).await;
    let batch: Vec<_> = (1..=1_500).map(|id| item(&id.to_string(), &of_user("1"))).collect();

    let deleted = table.delete(&batch).await.unwrap().deleted;

    assert_eq!(deleted.iter().filter(|deleted| **deleted).count(), 750);
    assert_eq!(database.left("memories", "id").await.len(), 750);
    assert_eq!(
        database.left("chunks", "memory_id").await,
        database.left("memories", "id").await
    );
    assert_eq!(
        database.left("history", "\"of\"").await,
        database.left("memories", "id").await
    );
}
