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
    what_belongs_to_dependents_goes_before_them,
    what_does_not_fit_below_a_dependent_is_said,
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
             CREATE TABLE history (\"of\" TEXT NOT NULL, body TEXT)",
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
    assert_eq!((error.code().as_str(), error.class()), ("constraint", Class::Permanent));
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

    let refused: Vec<(usize, &str)> = deletion
        .refused
        .iter()
        .map(|(n, error)| (*n, error.code().as_str()))
        .collect();
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

    // A trigger of MySQL cannot keep a row without an error.
    let refused = &deletion.refused[&0];
    assert!(matches!(refused, StoreError::Kept(_)) || (database.is_mysql() && refused.code().as_str() == "rejected"));
    assert_eq!(database.left("chunks", "n").await, ["10", "11", "20", "30", "40"]);
}

async fn more_than_one_batch_with_dependents(database: Database) {
    database.memories("BIGINT").await;
    // References of another type than the id.
    database
        .run(
            "CREATE TABLE chunks (memory_id TEXT NOT NULL);
             CREATE TABLE history (\"of\" INTEGER NOT NULL);
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

/// Returns a mapping with chunks of memories, terms of chunks, weights of terms, and notes on chunks with number keys.
fn nested() -> Table {
    table(json!({
        "name": "memories",
        "columns": {"id": "id", "user": "user_id"},
        "dependents": [
            {"table": "chunks", "references": "memory_id", "id": "id", "dependents": [
                {"table": "terms", "references": "chunk_id", "id": "term", "dependents": [
                    {"table": "weights", "references": "term", "nullable": true},
                ]},
                {"table": "notes", "references": "chunk_id", "nullable": true},
            ]},
            {"table": "history", "references": "memory_id"},
        ],
    }))
}

async fn prepare_nested(database: &Database) {
    database.memories("TEXT").await;
    database
        .run(
            "CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory_id TEXT NOT NULL REFERENCES memories (id));
             CREATE TABLE terms (term TEXT PRIMARY KEY, chunk_id BIGINT NOT NULL REFERENCES chunks (id));
             CREATE TABLE weights (n INTEGER PRIMARY KEY, term TEXT REFERENCES terms (term));
             CREATE TABLE notes (n INTEGER PRIMARY KEY, chunk_id BIGINT REFERENCES chunks (id));
             CREATE TABLE history (memory_id TEXT NOT NULL)",
        )
        .await;
    database
        .add(&[("a", "alice", "w"), ("A", "bob", "w"), ("b", "alice", "w")])
        .await;
    database
        .run(
            "INSERT INTO chunks VALUES (1, 'a'), (2, 'a'), (3, 'A'), (4, 'b');
             INSERT INTO terms VALUES ('t', 1), ('T', 3), ('u', 2), ('v', 4);
             INSERT INTO weights VALUES (1, 't'), (2, 'T'), (3, 'u'), (4, 't'), (5, NULL);
             INSERT INTO notes VALUES (1, 1), (2, 3), (3, 4), (4, NULL);
             INSERT INTO history VALUES ('a'), ('A'), ('b')",
        )
        .await;
}

async fn what_belongs_to_dependents_goes_before_them(database: Database) {
    prepare_nested(&database).await;
    let table = database.open(&nested()).await;

    let deleted = table
        .delete(&items(&["a", "A", "b", "c"], &of_user("alice")))
        .await
        .unwrap();

    assert!(deleted.refused.is_empty(), "{:?}", deleted.refused);
    assert_eq!(deleted.deleted, [true, false, true, false]);
    assert_eq!(database.left("memories", "id").await, ["A"]);
    assert_eq!(database.left("chunks", "id").await, ["3"]);
    assert_eq!(database.left("terms", "term").await, ["T"]);
    assert_eq!(database.left("weights", "n").await, ["2", "5"]);
    assert_eq!(database.left("notes", "n").await, ["2", "4"]);
    assert_eq!(database.left("history", "memory_id").await, ["A"]);
    // A reference without a mapping keeps the row, and all its dependents.
    database
        .run("CREATE TABLE others (term TEXT REFERENCES terms (term)); INSERT INTO others VALUES ('T')")
        .await;
    let deletion = table.delete(&items(&["A"], &of_user("bob"))).await.unwrap();
    assert_eq!(deletion.refused[&0].code().as_str(), "constraint");
    assert_eq!(database.left("weights", "n").await, ["2", "5"]);
    assert_eq!(database.left("notes", "n").await, ["2", "4"]);
}

async fn what_does_not_fit_below_a_dependent_is_said(database: Database) {
    prepare_nested(&database).await;
    let mut mapping = nested();
    let chunks = &mut mapping.dependents[0];
    "term".clone_into(&mut chunks.dependents[0].table);
    "chunk".clone_into(&mut chunks.dependents[1].references);
    let said = |faults: Vec<lethe_worker::store::MappingFault>| -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    };
    let missing = said(database.faults(&mapping).await);
    assert_eq!(
        missing,
        [
            "`dependents.table`: there is no table `term`; write `terms`",
            "`dependents.references`: table `notes` has no column `chunk`; write `chunk_id`",
        ]
    );
    let mut mapping = nested();
    mapping.dependents[0].id = Some("memory_id".to_owned());
    let not_unique = said(database.faults(&mapping).await);
    assert_eq!(
        not_unique,
        ["`dependents.id`: column `memory_id` of `chunks` is not unique; there are `id`"]
    );
    if !database.is_sqlite() {
        // In SQLite, each value has its own type.
        let mut mapping = nested();
        "term".clone_into(&mut mapping.dependents[0].dependents[0].references);
        let different = said(database.faults(&mapping).await);
        assert_eq!(
            different,
            ["`dependents.references`: columns `term` of `terms` and `id` of the table above have different types"]
        );
    }
}
