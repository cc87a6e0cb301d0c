//! Behaviour particular to SQLite.

use std::time::Duration;

use lethe_common::filter::{Bounds, Filter, Scalar};
use lethe_worker::store::Class;
use lethe_worker::store::sql::RowMatch::{Absent, Matching, Other};
use lethe_worker::store::sql::SqlTable;
use serde_json::json;
use sqlx::Connection;

use super::filter::{not, path, query};
use super::harness::{Database, mapping, table};
use crate::{item, items, of_user};

#[tokio::test]
async fn a_collation_without_case_does_not_widen_a_match() {
    let database = Database::sqlite().await;
    database
        .run(
            "CREATE TABLE memories (id TEXT COLLATE NOCASE PRIMARY KEY, user_id TEXT COLLATE NOCASE,
                                    workspace_id TEXT COLLATE RTRIM);
             CREATE TABLE chunks (memory_id TEXT COLLATE NOCASE NOT NULL);
             INSERT INTO memories VALUES ('abc', 'alice', 'w'), ('b', 'ALICE', 'w '), ('C', 'alice', 'w');
             INSERT INTO chunks VALUES ('ABC'), ('abc'), ('b')",
        )
        .await;
    let table = database
        .open(&table(json!({
            "name": "memories",
            "columns": {"id": "id", "user": "user_id", "workspace": "workspace_id"},
            "dependents": [{"table": "chunks", "references": "memory_id"}],
        })))
        .await;

    let batch = items(&["ABC", "b", "abc"], &of_user("alice"));
    assert_eq!(table.find(&batch).await.unwrap(), [Absent, Other, Matching]);
    assert_eq!(
        table.page(&of_user("alice"), None, None, 9).await.unwrap(),
        ["C", "abc"]
    );
    assert_eq!(
        table.page(&of_user("alice"), Some("C"), None, 9).await.unwrap(),
        ["abc"]
    );
    assert_eq!(table.delete(&batch).await.unwrap().deleted, [false, false, true]);
    // With such an id, `ABC` can only refer to `abc`.
    assert_eq!(database.left("chunks", "memory_id").await, ["b"]);
}

#[tokio::test]
async fn a_column_without_case_and_an_index_with_it_keep_ids_apart() {
    for options in ["", " WITHOUT ROWID"] {
        let database = Database::sqlite().await;
        database
            .run(&format!(
                "CREATE TABLE memories (id TEXT COLLATE NOCASE, user_id TEXT, PRIMARY KEY (id COLLATE BINARY)){options};
                 CREATE TABLE chunks (memory_id TEXT NOT NULL);
                 INSERT INTO memories VALUES ('abc', 'alice'), ('ABC', 'bob');
                 INSERT INTO chunks VALUES ('ABC'), ('abc')"
            ))
            .await;
        let table = database
            .open(&table(json!({
                "name": "memories",
                "columns": {"id": "id", "user": "user_id"},
                "dependents": [{"table": "chunks", "references": "memory_id"}],
            })))
            .await;

        let batch = [item("ABC", &of_user("alice")), item("abc", &of_user("alice"))];
        assert_eq!(table.delete(&batch).await.unwrap().deleted, [false, true]);
        assert_eq!(database.left("memories", "id").await, ["ABC"]);
        assert_eq!(database.left("chunks", "memory_id").await, ["ABC"]);
    }
}

#[tokio::test]
async fn a_value_of_another_type_than_the_columns_is_found_by_its_text() {
    let database = Database::sqlite().await;
    let table = database.memories("INTEGER").await;
    // An integer primary key takes only integers. The owner takes anything.
    database
        .run("INSERT INTO memories (id, user_id) VALUES (1, 'alice'), (2, 7), (3, '007')")
        .await;
    let table = database.open(&table).await;

    let batch = [
        item("1", &of_user("alice")),
        item("2", &of_user("7")),
        item("3", &of_user("7")),
    ];
    assert_eq!(table.find(&batch).await.unwrap(), [Matching, Matching, Matching]);
    assert_eq!(table.find(&items(&["3"], &of_user("007"))).await.unwrap(), [Other]);
}

#[tokio::test]
async fn what_is_deleted_is_overwritten_and_the_journal_mode_is_left_alone() {
    for mode in ["wal", "delete"] {
        let database = Database::sqlite().await;
        database.run(&format!("PRAGMA journal_mode = {mode}")).await;
        database.memories("TEXT").await;
        database
            .run("INSERT INTO memories VALUES ('1', 'alice', 'w', 'a-very-private-sentence')")
            .await;
        let table = database.open(&mapping()).await;

        assert_eq!(
            table.delete(&items(&["1"], &of_user("alice"))).await.unwrap().deleted,
            [true]
        );

        let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&database.pool)
            .await
            .unwrap();
        assert_eq!(journal, mode);
        database.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let file = std::fs::read(database.directory.path().join("memories.db")).unwrap();
        assert!(
            !file.windows(23).any(|part| part == b"a-very-private-sentence"),
            "{mode}"
        );
    }
}

#[tokio::test]
async fn a_file_that_another_program_is_writing_is_waited_for_and_then_reported_as_transient() {
    let database = Database::sqlite().await;
    let mapping = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w")]).await;
    let store = database.store_within(Duration::from_millis(300));
    let table = SqlTable::open(&store, &mapping).await.unwrap();
    let mut other = database.pool.acquire().await.unwrap();
    let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();

    let error = table.delete(&items(&["1"], &of_user("alice"))).await.unwrap_err();

    assert_eq!(error.class(), Class::Transient);
    assert!(!error.is_outage(), "{error}");
    writing.rollback().await.unwrap();
    let table = database.open(&mapping).await;
    assert_eq!(
        table.delete(&items(&["1"], &of_user("alice"))).await.unwrap().deleted,
        [true]
    );
}

#[tokio::test]
async fn a_column_whose_type_says_nothing_is_like_its_first_value() {
    let database = Database::sqlite().await;
    database
        .run(
            "CREATE TABLE memories (id TEXT PRIMARY KEY, made DATETIME, seen DATETIME);
             INSERT INTO memories VALUES ('1', NULL, NULL), ('2', '2025-01-01 00:00:00', 1735689600)",
        )
        .await;
    let columns = json!({"id": "id", "created_at": "made", "updated_at": "seen"});
    let opened = database
        .open(&table(json!({"name": "memories", "columns": columns})))
        .await;
    let since = |column: &str, bound: Scalar| {
        query(Filter::Range {
            path: path(&[column]),
            bounds: Bounds {
                gte: Some(bound),
                ..Bounds::default()
            },
        })
    };
    for (column, fits, bound) in [
        ("made", true, Scalar::from("2025-01-01")),
        ("made", true, Scalar::Integer(1_735_689_600_000)),
        ("made", false, Scalar::from("hello")),
        ("seen", true, Scalar::Integer(1_735_689_600)),
        ("seen", false, Scalar::from("2025-01-01")),
    ] {
        let counted = opened.count(&since(column, bound)).await;
        let expected = if fits { Ok(1) } else { Err("mistyped") };
        assert_eq!(counted.map_err(|error| error.code().as_str()), expected, "{column}");
    }
}

#[tokio::test]
async fn a_negation_keeps_every_spelling_of_a_value_in_a_column_without_a_type() {
    let database = Database::sqlite().await;
    database
        .run(
            "CREATE TABLE memories (id TEXT PRIMARY KEY, x);
             INSERT INTO memories VALUES ('1', 'true'), ('2', 1), ('3', 7), ('4', '7'), ('5', 'ana'), ('6', NULL), ('7', 9)",
        )
        .await;
    let table = database
        .open(&table(
            json!({"name": "memories", "columns": {"id": "id"}, "fields": {"x": "x"}}),
        ))
        .await;
    let equal = |value: Scalar| Filter::OneOf {
        path: path(&["x"]),
        values: vec![value],
    };
    let (truth, seven, text) = (Scalar::Bool(true), Scalar::Integer(7), Scalar::from("7"));
    let above = Filter::Range {
        path: path(&["x"]),
        bounds: Bounds {
            gte: Some(text.clone()),
            ..Bounds::default()
        },
    };
    for (filter, expected) in [
        (not(equal(truth.clone())), vec!["3", "4", "5", "6", "7"]),
        (not(equal(seven.clone())), vec!["1", "2", "5", "6", "7"]),
        (not(equal(text.clone())), vec!["1", "2", "5", "6", "7"]),
        (not(above), vec!["2", "6"]),
        // No other spelling is deleted.
        (equal(truth), vec![]),
        (equal(seven.clone()), vec!["3"]),
        (equal(text), vec!["4"]),
        (not(not(equal(seven))), vec!["3"]),
    ] {
        let written = serde_json::to_string(&filter).unwrap();
        let mut found = table.page(&query(filter), None, None, 9).await.unwrap();
        found.sort_unstable();
        assert_eq!(found, expected, "{written}");
    }
}

#[tokio::test]
async fn a_reference_that_only_looks_like_an_id_to_its_column_is_another_one() {
    for (reference, rows, of_ana, of_ben) in [
        (
            "TEXT COLLATE NOCASE",
            "INSERT INTO users VALUES ('aB3', 'ana'), ('ab3', 'ben');
             INSERT INTO memories VALUES ('1', 'aB3'), ('2', 'ab3'), ('3', 'AB3')",
            vec!["1"],
            vec!["2"],
        ),
        (
            "INTEGER",
            "INSERT INTO users VALUES ('7', 'ana'), ('07', 'ben');
             INSERT INTO memories VALUES ('1', 7)",
            vec!["1"],
            vec![],
        ),
    ] {
        let database = Database::sqlite().await;
        database
            .run(&format!(
                "CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT);
                 CREATE TABLE memories (id TEXT PRIMARY KEY, user_id {reference});
                 {rows}"
            ))
            .await;
        let owners = json!({"table": "users", "id": "id", "name": "name"});
        let columns = json!({"id": "id", "user": "user_id", "owners": owners});
        let opened = database
            .open(&table(json!({"name": "memories", "columns": columns})))
            .await;
        for (name, expected) in [("ana", of_ana), ("ben", of_ben)] {
            let named = query(Filter::OneOf {
                path: path(&["users.name"]),
                values: vec![Scalar::from(name)],
            });
            for demanded in [of_user(name), named] {
                assert_eq!(
                    opened.page(&demanded, None, None, 9).await.unwrap(),
                    expected,
                    "{name} {reference}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_deferred_only_if_it_says_so_itself() {
    const DEFERRED: &str = "DEFERRABLE INITIALLY DEFERRED";
    let mapping = table(json!({"name": "memories", "columns": {"id": "id", "user": "user_id"},
        "dependents": [{"table": "notes", "references": "memory"}]}));
    for (last_note, source, fits) in [
        (DEFERRED, "", true),
        ("", DEFERRED, false),
        ("NOT DEFERRABLE INITIALLY DEFERRED", "", false),
        ("/* DEFERRABLE INITIALLY DEFERRED */", "", false),
        ("", ", body TEXT DEFAULT 'DEFERRABLE INITIALLY DEFERRED'", false),
        ("", ", \"INITIALLY DEFERRED\" TEXT", false),
    ] {
        let database = Database::sqlite().await;
        database
            .run(&format!(
                "CREATE TABLE sources (id INTEGER PRIMARY KEY);
                 CREATE TABLE memories (id INTEGER PRIMARY KEY, user_id TEXT,
                     last_note INTEGER REFERENCES notes (id) {last_note}, source INTEGER REFERENCES sources (id) {source});
                 CREATE TABLE notes (id INTEGER PRIMARY KEY, memory INTEGER NOT NULL REFERENCES memories (id));
                 INSERT INTO memories (id, user_id) VALUES (1, 'alice'); INSERT INTO notes VALUES (10, 1);
                 UPDATE memories SET last_note = 10"
            ))
            .await;
        if fits {
            let opened = database.open(&mapping).await;
            let deletion = opened.delete(&items(&["1"], &of_user("alice"))).await.unwrap();
            assert_eq!(deletion.deleted, [true], "{last_note}");
            assert!(database.left("notes", "id").await.is_empty());
        } else {
            let faults = database.faults(&mapping).await;
            let is_circle = |fault: &String| fault.contains("makes a circle with `notes`");
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            assert!(faults.iter().any(is_circle), "{last_note} {source}: {faults:#?}");
        }
    }
}
