//! Proposals of a table's collection, and of the rule from its memories to points.

use lethe_common::config::Table;
use lethe_worker::infer;
use lethe_worker::store::vector::PointId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sql::harness::Database;
use crate::vector::harness::{Vectors, num, uuid};

const ID: &str = "0190a0a0-0000-7000-8000-00000000000a";

/// Proposes a mapping for a table with these ids and a collection with these points.
async fn inferred(kind: &str, ids: &[&str], points: Vec<(PointId, Value)>) -> (Vectors, lethe_worker::Inferred) {
    let (database, vectors) = (Database::sqlite().await, Vectors::start().await);
    database.memories(kind).await;
    let rows: Vec<_> = ids.iter().map(|id| (*id, "7", "w")).collect();
    database.add(&rows).await;
    vectors.add(points).await;
    let inferred = infer(Some(&database.store()), Some(&vectors.store())).await.unwrap();
    (vectors, inferred)
}

/// Returns the proposal about the test's own collection.
fn collection(vectors: &Vectors, tables: &[Table]) -> (String, Value) {
    let of_this = |table: &&Table| {
        table
            .collection
            .as_ref()
            .is_some_and(|found| found.name == vectors.name)
    };
    let table = tables.iter().find(of_this).unwrap();
    let mut collection = serde_json::to_value(&table.collection).unwrap();
    collection.as_object_mut().unwrap().remove("name");
    (table.name.clone(), collection)
}

#[tokio::test]
async fn points_are_told_by_the_ids_of_rows() {
    let payload = json!({"data": "text", "meta": {"user_id": "7"}});
    let named = PointId::Uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"memory-1"));
    for (kind, id, point, payload, expected) in [
        (
            "TEXT",
            ID,
            uuid(ID),
            payload.clone(),
            json!({"point": "uuid", "payload": {"user": "meta.user_id"}}),
        ),
        (
            "INTEGER",
            "12",
            num(12),
            payload.clone(),
            json!({"point": "number", "payload": {"user": "meta.user_id"}}),
        ),
        (
            "TEXT",
            "memory-1",
            named,
            payload,
            json!({"point": "uuid5", "payload": {"user": "meta.user_id"}}),
        ),
        // The owner's number is also the id of a memory.
        (
            "INTEGER",
            "7",
            uuid(ID),
            json!({"agent_id": 7, "source": 7, "user_id": 7}),
            json!({"point": "payload", "payload": {"id": "source", "agent": "agent_id", "user": "user_id"}}),
        ),
    ] {
        let (vectors, inferred) = inferred(kind, &[id], vec![(point, payload)]).await;
        let told = collection(&vectors, &inferred.tables);
        assert_eq!(told, ("memories".to_owned(), expected), "{kind} {id}");
    }
}

#[tokio::test]
async fn points_without_rows_are_a_table_of_their_own() {
    let points = vec![(uuid(ID), json!({"user_id": "alice"}))];
    let (vectors, inferred) = inferred("TEXT", &["another"], points).await;

    let expected = json!({"point": "uuid", "payload": {"user": "user_id"}});
    assert_eq!(collection(&vectors, &inferred.tables), (vectors.name.clone(), expected));
}

#[tokio::test]
async fn numbers_that_are_ids_in_two_tables_say_nothing() {
    let (database, vectors) = (Database::sqlite().await, Vectors::start().await);
    database
        .run("CREATE TABLE notes (id INTEGER PRIMARY KEY); CREATE TABLE facts (id INTEGER PRIMARY KEY)")
        .await;
    database
        .run("INSERT INTO notes VALUES (1), (2); INSERT INTO facts VALUES (1), (2)")
        .await;
    vectors.add([(num(1), json!({})), (num(2), json!({}))]).await;
    let inferred = infer(Some(&database.store()), Some(&vectors.store())).await.unwrap();

    assert!(inferred.unclear.contains(&vectors.name), "{:?}", inferred.unclear);
    assert!(
        inferred
            .tables
            .iter()
            .all(|table| table.collection.as_ref().is_none_or(|found| found.name != vectors.name))
    );
}
