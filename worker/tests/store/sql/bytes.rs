//! Ids and owners that are bytes: written as digits, and read as UUIDs too.

use lethe_common::config::{Table, Uuids};
use lethe_common::filter::{Bounds, Filter, Scalar};
use lethe_worker::store::Conditions;
use lethe_worker::store::sql::RowMatch::{Absent, Matching, Other};
use serde_json::json;

use super::filter::{not, path, query};
use super::harness::{Database, table};
use crate::{items, of_user};

super::on_each! {
    bytes_are_found_in_every_spelling_and_go,
    bytes_are_walked_in_their_order,
    bytes_can_be_asked_for,
    what_belongs_to_bytes_goes_first,
    how_uuids_are_kept_in_bytes_has_to_be_said,
    bytes_that_are_no_uuids_are_met_by_their_digits_alone,
    a_column_of_bytes_that_holds_others_is_refused,
    a_blob_that_is_no_id_holds_values_of_any_type,
}

const ALICE: &str = "0190a0a0-0000-7000-8000-0000000000aa";
const ONE: &str = "0190a0a0000070008000000000000001";
const TWO: &str = "0190a0a0000070008000000000000002";
const THREE: &str = "ff90a0a0000070008000000000000003";

async fn memories(database: &Database) -> Table {
    let kind = if database.is_postgres() {
        "BYTEA"
    } else if database.is_mysql() {
        "BINARY(16)"
    } else {
        "BLOB"
    };
    database
        .run(&format!(
            "CREATE TABLE memories (id {kind} PRIMARY KEY, user_id {kind});
             CREATE TABLE chunks (n INTEGER PRIMARY KEY, memory {kind} NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id))"
        ))
        .await;
    let bob = "0190a0a00000700080000000000000bb";
    for (id, user) in [
        (ONE, &*ALICE.replace('-', "")),
        (TWO, bob),
        (THREE, &ALICE.replace('-', "")),
    ] {
        database
            .run(&format!(
                "INSERT INTO memories VALUES ({}, {})",
                literal(database, id),
                literal(database, user)
            ))
            .await;
    }
    table(
        json!({"name": "memories", "columns": {"id": "id", "user": "user_id", "uuids": "bytes"},
        "dependents": [{"table": "chunks", "references": "memory"}]}),
    )
}

fn literal(database: &Database, digits: &str) -> String {
    if database.is_postgres() {
        format!("'\\x{digits}'::bytea")
    } else {
        format!("x'{digits}'")
    }
}

async fn left(database: &Database) -> Vec<String> {
    let id = if database.is_postgres() {
        "encode(id, 'hex')"
    } else {
        "lower(hex(id))"
    };
    database.left("memories", id).await
}

async fn bytes_are_found_in_every_spelling_and_go(database: Database) {
    let table = database.open(&memories(&database).await).await;
    let hyphens = "0190A0A0-0000-7000-8000-000000000001";
    let batch = items(
        &[hyphens, ONE, TWO, "0190a0", "x'; DROP TABLE memories --", ""],
        &of_user(ALICE),
    );

    let found = table.find(&batch).await.unwrap();
    assert_eq!(found, [Matching, Matching, Other, Absent, Absent, Absent]);
    assert_eq!(table.canonical(hyphens).as_deref(), Some(ONE));
    assert_eq!(table.exists(&[ONE, "00"]).await.unwrap(), [true, false]);
    let deleted = table.delete(&batch[1..]).await.unwrap().deleted;
    assert_eq!(deleted, [true, false, false, false, false]);
    assert_eq!(left(&database).await, [TWO, THREE]);
}

async fn bytes_are_walked_in_their_order(database: Database) {
    let table = database.open(&memories(&database).await).await;
    let alice = of_user(ALICE);

    assert_eq!(table.page(&alice, None, None, 10).await.unwrap(), [ONE, THREE]);
    assert_eq!(table.page(&alice, Some(ONE), Some(THREE), 10).await.unwrap(), [THREE]);
    assert_eq!(table.page(&alice, None, Some(TWO), 10).await.unwrap(), [ONE]);
    assert_eq!(table.nth(&alice, None, 2).await.unwrap().as_deref(), Some(THREE));
    assert_eq!(table.last(&alice).await.unwrap().as_deref(), Some(THREE));
    assert_eq!(table.count(&alice).await.unwrap(), 2);
}

async fn bytes_can_be_asked_for(database: Database) {
    let table = database.open(&memories(&database).await).await;
    let of = |column: &str, values: &[&str]| Filter::OneOf {
        path: path(&[column]),
        values: values.iter().map(|value| Scalar::from(*value)).collect(),
    };
    let from = |bound: &str| Filter::Range {
        path: path(&["id"]),
        bounds: Bounds {
            gte: Some(Scalar::from(bound)),
            ..Bounds::default()
        },
    };
    let hyphens = "0190A0A0-0000-7000-8000-000000000002";
    for (filter, expected) in [
        (
            Filter::Ids(vec![ONE.to_owned(), hyphens.to_owned(), "nonsense".to_owned()]),
            &[ONE, TWO][..],
        ),
        (of("id", &[TWO]), &[TWO]),
        (of("user_id", &[ALICE]), &[ONE, THREE]),
        (
            of("user_id", &[ALICE, "0190a0a00000700080000000000000bb"]),
            &[ONE, TWO, THREE],
        ),
        (from(TWO), &[TWO, THREE]),
        (from("ff"), &[THREE]),
    ] {
        let text = serde_json::to_string(&filter).unwrap();
        let conditions = query(filter);
        assert_eq!(
            table.page(&conditions, None, None, 10).await.unwrap(),
            expected,
            "{text}"
        );
        assert!(!table.is_full_scan(&conditions) || text.contains("user_id"), "{text}");
    }
    let nonsense = query(of("id", &[TWO, "nonsense"]));
    let refused = table.page(&nonsense, None, None, 10).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "mistyped");
}

async fn what_belongs_to_bytes_goes_first(database: Database) {
    let table = database.open(&memories(&database).await).await;
    for (n, id) in [(1, ONE), (2, ONE), (3, TWO)] {
        database
            .run(&format!("INSERT INTO chunks VALUES ({n}, {})", literal(&database, id)))
            .await;
    }
    let deleted = table.delete(&items(&[ONE], &of_user(ALICE))).await.unwrap();
    assert_eq!(deleted.deleted, [true]);
    assert_eq!(database.left("chunks", "n").await, ["3"]);
}

async fn how_uuids_are_kept_in_bytes_has_to_be_said(database: Database) {
    let mut mapping = memories(&database).await;
    for said in [None, Some(Uuids::Hex)] {
        mapping.columns.as_mut().unwrap().uuids = said;
        let faults = database.faults(&mapping).await;
        assert!(faults.iter().all(|fault| fault.key == "columns.uuids"), "{faults:?}");
        assert!(faults[0].to_string().contains("write `bytes`"), "{}", faults[0]);
    }
}

async fn bytes_that_are_no_uuids_are_met_by_their_digits_alone(database: Database) {
    let mut mapping = memories(&database).await;
    mapping.columns.as_mut().unwrap().uuids = Some(Uuids::Text);
    let table = database.open(&mapping).await;
    let hyphens = "0190a0a0-0000-7000-8000-000000000001";
    let batch = items(&[ONE, &ONE.to_uppercase(), hyphens], &Conditions::default());
    assert_eq!(table.find(&batch).await.unwrap(), [Matching, Matching, Absent]);
    assert!(table.has_byte_ids() && !table.has_uuid_ids());
}

async fn a_column_of_bytes_that_holds_others_is_refused(database: Database) {
    let mapping = memories(&database).await;
    if !database.is_sqlite() {
        return;
    }
    database.run("INSERT INTO memories VALUES (x'00', 'cafe')").await;
    let faults = database.faults(&mapping).await;
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(
        said[0].contains("column `user_id` of `memories` holds values other than bytes"),
        "{said:?}"
    );
    database
        .run("DELETE FROM memories WHERE id = x'00'; INSERT INTO memories VALUES (x'00', NULL)")
        .await;
    database.open(&mapping).await;
}

async fn a_blob_that_is_no_id_holds_values_of_any_type(database: Database) {
    if !database.is_sqlite() {
        return;
    }
    database
        .run("CREATE TABLE notes (id TEXT PRIMARY KEY, tag BLOB); INSERT INTO notes VALUES ('1', 'keep'), ('2', 'aa'), ('3', 7)")
        .await;
    let mapping = json!({"name": "notes", "columns": {"id": "id"}, "fields": {"tag": "tag"}});
    let table = database.open(&table(mapping)).await;
    let is = |value: Scalar| Filter::OneOf {
        path: path(&["tag"]),
        values: vec![value],
    };
    for (value, without) in [
        (Scalar::from("keep"), ["2", "3"]),
        (Scalar::from("aa"), ["1", "3"]),
        (Scalar::Integer(7), ["1", "2"]),
    ] {
        let others = query(not(is(value)));
        assert_eq!(table.page(&others, None, None, 10).await.unwrap(), without);
    }
}
