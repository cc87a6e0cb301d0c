//! Ids and owners match by the column's type, and byte for byte.

use lethe_worker::store::sql::RowMatch::{Absent, Matching, Other};
use lethe_worker::store::{Conditions, StoreError};
use serde_json::json;

use super::harness::{Database, table};
use crate::{item, items, of_user};

const UUID: &str = "0190a0a0-0000-7000-8000-00000000000a";

super::on_each! {
    case_is_part_of_an_id_and_of_an_owner,
    every_text_is_only_itself,
    what_looks_like_sql_is_a_text,
    an_integer_matches_only_as_the_database_writes_it,
    a_text_that_no_column_can_hold_is_absent,
    an_owner_that_no_column_can_hold_owns_nothing,
    what_a_former_type_could_not_hold_is_not_called_absent,
    digits_that_a_column_no_longer_holds_are_not_called_absent,
}

async fn case_is_part_of_an_id_and_of_an_owner(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("abc", "alice", "w"), ("ABC", "Alice", "w")]).await;
    let table = database.open(&table).await;

    let batch = [
        item("abc", &of_user("Alice")),
        item("ABC", &of_user("Alice")),
        item("Abc", &of_user("Alice")),
        item("abc ", &of_user("alice")),
        item("abc", &of_user("alice ")),
    ];
    assert_eq!(
        table.find(&batch).await.unwrap(),
        [Other, Matching, Absent, Absent, Other]
    );
    assert_eq!(
        table.delete(&batch).await.unwrap().deleted,
        [false, true, false, false, false]
    );
    assert_eq!(database.left("memories", "id").await, ["abc"]);
}

async fn every_text_is_only_itself(database: Database) {
    // Composed and decomposed, escapes, blanks, control characters, other planes.
    let ids = [
        "é",
        "e\u{301}",
        "ß",
        "ss",
        "İ",
        "i",
        "\\",
        "\\u0041",
        "A",
        "%",
        "_",
        "*",
        " ",
        "\t",
        "\n",
        "\"",
        "''",
        "{\"i\":1}",
        "[1]",
        "null",
        "🦀",
        "\u{10FFFF}",
        "\u{1}",
        "1e3",
        "0x10",
        "",
    ];
    let table = database.memories("TEXT").await;
    let rows: Vec<_> = ids.iter().map(|id| (*id, *id, "w")).collect();
    database.add(&rows).await;
    let table = database.open(&table).await;

    for id in ids {
        for user in ids {
            let expected = if id == user { Matching } else { Other };
            assert_eq!(table.find(&items(&[id], &of_user(user))).await.unwrap(), [expected]);
        }
    }
    let all: Vec<_> = ids.iter().map(|id| item(id, &of_user(id))).collect();
    assert!(table.delete(&all).await.unwrap().deleted.iter().all(|deleted| *deleted));
    assert!(database.left("memories", "id").await.is_empty());
}

async fn what_looks_like_sql_is_a_text(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w"), ("' OR ''='", "bob", "w")]).await;
    let table = database.open(&table).await;
    let fragments = [
        "' OR ''='",
        "1' --",
        "1; DROP TABLE memories; --",
        "$1",
        "?",
        ":id",
        "\"id\"",
        "id",
        "1 OR 1=1",
    ];

    for fragment in fragments {
        let batch = [item(fragment, &of_user("alice")), item("1", &of_user(fragment))];
        assert_eq!(
            table.delete(&batch).await.unwrap().deleted,
            [false, false],
            "{fragment}"
        );
        assert_eq!(table.count(&of_user(fragment)).await.unwrap(), 0, "{fragment}");
        let page = table
            .page(&of_user("alice"), Some(fragment), Some(fragment), 9)
            .await
            .unwrap();
        assert!(page.is_empty(), "{fragment}");
    }
    let deleted = table
        .delete(&items(&fragments, &Conditions::default()))
        .await
        .unwrap()
        .deleted;
    assert_eq!(deleted.iter().filter(|deleted| **deleted).count(), 1);
    assert_eq!(database.left("memories", "id").await, ["1"]);
}

async fn an_integer_matches_only_as_the_database_writes_it(database: Database) {
    let table = database.memories("BIGINT").await;
    database
        .add(&[("7", "1", "w"), ("-7", "1", "w"), ("9223372036854775807", "1", "w")])
        .await;
    let table = database.open(&table).await;
    let wrong = [
        "007",
        "+7",
        " 7",
        "7 ",
        "7.0",
        "7e0",
        "0x7",
        "9223372036854775808",
        "--7",
        "7::int",
        "",
        "x",
    ];

    assert!(
        table
            .delete(&items(&wrong, &of_user("1")))
            .await
            .unwrap()
            .deleted
            .iter()
            .all(|deleted| !deleted)
    );
    for owner in ["01", "1.0", "alice", ""] {
        assert_eq!(
            table.find(&items(&["7"], &of_user(owner))).await.unwrap(),
            [Other],
            "{owner}"
        );
    }
    let right = ["9223372036854775807", "-7", "7"];
    assert_eq!(
        table.delete(&items(&right, &of_user("1"))).await.unwrap().deleted,
        [true; 3]
    );
}

async fn a_text_that_no_column_can_hold_is_absent(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("a", "alice", "w")]).await;
    let table = database.open(&table).await;
    let long = "a".repeat(100_000);

    let batch = items(&["\0", "a\0", "a", &long], &of_user("alice"));

    assert_eq!(table.find(&batch).await.unwrap(), [Absent, Absent, Matching, Absent]);
    assert_eq!(table.delete(&batch).await.unwrap().deleted, [false, false, true, false]);
}

async fn an_owner_that_no_column_can_hold_owns_nothing(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w")]).await;
    let table = database.open(&table).await;
    let nobody = of_user("alice\0");

    assert_eq!(table.find(&items(&["1", "2"], &nobody)).await.unwrap(), [Other, Absent]);
    assert_eq!(table.delete(&items(&["1"], &nobody)).await.unwrap().deleted, [false]);
    assert_eq!(table.count(&nobody).await.unwrap(), 0);
    assert!(table.page(&nobody, None, None, 9).await.unwrap().is_empty());
}

async fn what_a_former_type_could_not_hold_is_not_called_absent(database: Database) {
    let mapping = database.memories("BIGINT").await;
    let table = database.open(&mapping).await;
    assert_eq!(table.find(&items(&["a"], &of_user("ana"))).await.unwrap(), [Absent]);
    assert_eq!(table.exists(&["a"]).await.unwrap(), [false]);
    database.run("DROP TABLE memories").await;
    database.memories("TEXT").await;
    database.add(&[("a", "ana", "w")]).await;

    // SQLite's columns of numbers hold texts too.
    if database.is_sqlite() {
        assert_eq!(table.exists(&["a"]).await.unwrap(), [true]);
        return;
    }
    let changed = |error: &StoreError| matches!(error, StoreError::Missing { .. });
    assert!(table.exists(&["a"]).await.is_err_and(|error| changed(&error)));
    for id in ["a", "1"] {
        let found = table.find(&items(&[id], &of_user("ana"))).await;
        assert!(found.is_err_and(|error| changed(&error)), "{id}");
    }
    let mistyped = table.is_mistyped(&of_user("ana")).await;
    assert!(mistyped.is_err_and(|error| changed(&error)));
    assert_eq!(database.open(&mapping).await.exists(&["a"]).await.unwrap(), [true]);
}

async fn digits_that_a_column_no_longer_holds_are_not_called_absent(database: Database) {
    if database.is_postgres() {
        return;
    }
    let mapping = table(json!({"name": "memories", "columns": {"id": "id", "uuids": "hex"}}));
    database.memories("CHAR(32)").await;
    let table = database.open(&mapping).await;
    assert_eq!(table.exists(&[UUID]).await.unwrap(), [false]);
    database.run("DROP TABLE memories").await;
    database.memories("VARCHAR(36)").await;
    database.add(&[(UUID, "ana", "w")]).await;

    let found = table.exists(&[UUID]).await;
    assert!(matches!(found, Err(StoreError::Missing { .. })), "{found:?}");
    assert_eq!(database.open(&mapping).await.exists(&[UUID]).await.unwrap(), [true]);
}

#[tokio::test]
async fn a_uuid_column_takes_every_spelling_of_a_uuid() {
    for database in [Database::postgres().await, Database::mysql().await] {
        every_spelling_of_a_uuid(database).await;
    }
}

async fn every_spelling_of_a_uuid(database: Database) {
    let table = database.memories("UUID").await;
    database.add(&[(UUID, UUID, "w")]).await;
    let table = database.open(&table).await;
    let other = "0190a0a0-0000-7000-8000-00000000000b";

    assert!(table.has_uuid_ids());
    assert_eq!(table.canonical(&UUID.to_uppercase()).as_deref(), Some(UUID));
    for id in [UUID.to_owned(), UUID.to_uppercase(), UUID.replace('-', "")] {
        assert_eq!(
            table.find(&items(&[&id], &of_user(&id))).await.unwrap(),
            [Matching],
            "{id}"
        );
    }
    let batch = [
        item(other, &of_user(UUID)),
        item("x", &of_user(UUID)),
        item(UUID, &of_user("alice")),
    ];
    assert_eq!(table.find(&batch).await.unwrap(), [Absent, Absent, Other]);
    assert_eq!(table.page(&of_user(UUID), None, None, 9).await.unwrap(), [UUID]);
    assert_eq!(
        table
            .delete(&items(&[&UUID.to_uppercase()], &of_user(UUID)))
            .await
            .unwrap()
            .deleted,
        [true]
    );
}

#[tokio::test]
async fn a_text_column_takes_one_spelling_of_a_uuid() {
    for database in [
        Database::sqlite().await,
        Database::postgres().await,
        Database::mysql().await,
    ] {
        let table = database.memories("VARCHAR(36)").await;
        database.add(&[(UUID, "alice", "w")]).await;
        let table = database.open(&table).await;
        let (upper, short) = (UUID.to_uppercase(), UUID.replace('-', ""));

        assert!(!table.has_uuid_ids());
        let batch = items(&[&upper, &short, UUID], &of_user("alice"));
        assert_eq!(table.delete(&batch).await.unwrap().deleted, [false, false, true]);
    }
}
