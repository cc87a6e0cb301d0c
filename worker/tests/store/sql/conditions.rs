//! Conditions on rows besides their ids.

use lethe_common::job::Field;
use lethe_worker::store::sql::RowMatch::{Absent, Matching, Other};
use lethe_worker::store::{Conditions, StoreError};
use serde_json::json;

use super::harness::{Database, table};
use crate::{conditions, item, items, of_user};

super::on_each! {
    a_row_is_matching_under_all_conditions_only,
    only_rows_under_all_conditions_are_deleted,
    tuples_are_joined_and_ids_are_not_crossed_with_conditions,
    deleting_twice_is_deleting_once,
    a_row_without_an_owner_is_nobodys,
    an_owner_that_changed_after_the_look_keeps_the_row,
    one_row_that_two_items_mean_is_deleted_once,
    a_call_of_more_than_one_batch_is_answered_in_order,
    a_demand_without_a_column_is_refused,
    existence_is_asked_without_conditions,
    a_row_that_is_marked_as_deleted_goes_like_any_other,
}

async fn a_row_is_matching_under_all_conditions_only(database: Database) {
    let table = database.memories("TEXT").await;
    database
        .add(&[("1", "alice", "acme"), ("2", "bob", "acme"), ("3", "alice", "other")])
        .await;
    let table = database.open(&table).await;
    let demanded = conditions(&[(Field::User, "alice"), (Field::Workspace, "acme")]);

    let found = table.find(&items(&["1", "2", "3", "4"], &demanded)).await.unwrap();

    assert_eq!(found, [Matching, Other, Other, Absent]);
    let found = table.find(&items(&["2", "4"], &Conditions::default())).await.unwrap();
    assert_eq!(found, [Matching, Absent]);
}

async fn only_rows_under_all_conditions_are_deleted(database: Database) {
    let table = database.memories("TEXT").await;
    database
        .add(&[("1", "alice", "acme"), ("2", "bob", "acme"), ("3", "alice", "other")])
        .await;
    let table = database.open(&table).await;
    let demanded = conditions(&[(Field::User, "alice"), (Field::Workspace, "acme")]);

    let deleted = table
        .delete(&items(&["4", "3", "2", "1"], &demanded))
        .await
        .unwrap()
        .deleted;

    assert_eq!(deleted, [false, false, false, true]);
    assert_eq!(database.left("memories", "id").await, ["2", "3"]);
}

async fn tuples_are_joined_and_ids_are_not_crossed_with_conditions(database: Database) {
    let table = database.memories("TEXT").await;
    database
        .add(&[("1", "bob", "w"), ("2", "alice", "w"), ("3", "alice", "w")])
        .await;
    let table = database.open(&table).await;
    let batch = [
        item("1", &of_user("alice")),
        item("2", &of_user("bob")),
        item("3", &of_user("alice")),
    ];

    assert_eq!(table.find(&batch).await.unwrap(), [Other, Other, Matching]);
    assert_eq!(table.delete(&batch).await.unwrap().deleted, [false, false, true]);
    assert_eq!(database.left("memories", "id").await, ["1", "2"]);
}

async fn deleting_twice_is_deleting_once(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w")]).await;
    let table = database.open(&table).await;
    let batch = items(&["1"], &of_user("alice"));

    assert_eq!(table.delete(&batch).await.unwrap().deleted, [true]);
    assert_eq!(table.delete(&batch).await.unwrap().deleted, [false]);
    assert_eq!(table.find(&batch).await.unwrap(), [Absent]);
}

async fn a_row_without_an_owner_is_nobodys(database: Database) {
    let table = database.memories("TEXT").await;
    database.run("INSERT INTO memories (id) VALUES ('1')").await;
    let table = database.open(&table).await;

    for user in ["alice", "", "null", "NULL"] {
        let batch = items(&["1"], &of_user(user));
        assert_eq!(table.find(&batch).await.unwrap(), [Other], "{user}");
        assert_eq!(table.delete(&batch).await.unwrap().deleted, [false], "{user}");
    }
    assert_eq!(database.left("memories", "id").await, ["1"]);
}

async fn an_owner_that_changed_after_the_look_keeps_the_row(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w"), ("2", "alice", "w")]).await;
    let table = database.open(&table).await;
    let batch = items(&["1", "2"], &of_user("alice"));
    assert_eq!(table.find(&batch).await.unwrap(), [Matching, Matching]);

    database.run("UPDATE memories SET user_id = 'bob' WHERE id = '1'").await;

    assert_eq!(table.delete(&batch).await.unwrap().deleted, [false, true]);
    assert_eq!(database.left("memories", "id").await, ["1"]);
}

async fn one_row_that_two_items_mean_is_deleted_once(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w")]).await;
    let table = database.open(&table).await;
    let batch = [
        item("1", &of_user("bob")),
        item("1", &of_user("alice")),
        item("1", &Conditions::default()),
    ];

    let deleted = table.delete(&batch).await.unwrap().deleted;

    assert!(!deleted[0]);
    assert_eq!(deleted.iter().filter(|deleted| **deleted).count(), 1);
}

async fn a_call_of_more_than_one_batch_is_answered_in_order(database: Database) {
    let table = database.memories("INTEGER").await;
    // The even ids up to 4,998.
    database
        .run(
            "INSERT INTO memories (id, user_id)
             WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 2 FROM n WHERE i < 4998)
             SELECT i, 7 FROM n",
        )
        .await;
    let table = database.open(&table).await;
    let ids: Vec<String> = (0..2_400).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let batch = items(&ids, &of_user("7"));

    let found = table.find(&batch).await.unwrap();
    let deleted = table.delete(&batch).await.unwrap().deleted;

    for (id, (found, deleted)) in found.iter().zip(&deleted).enumerate() {
        assert_eq!(*found == Matching, id % 2 == 0, "{id}");
        assert_eq!(*deleted, id % 2 == 0, "{id}");
    }
    assert_eq!(table.count(&of_user("7")).await.unwrap(), 2_500 - 1_200);
}

async fn a_demand_without_a_column_is_refused(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w")]).await;
    let table = database.open(&table).await;
    let demanded = conditions(&[(Field::User, "alice"), (Field::Agent, "a")]);
    let batch = items(&["1"], &demanded);

    let refused = |error| {
        matches!(
            error,
            StoreError::Unmapped {
                field: Field::Agent,
                ..
            }
        )
    };
    assert!(refused(table.find(&batch).await.unwrap_err()));
    assert!(refused(table.delete(&batch).await.unwrap_err()));
    assert!(refused(table.page(&demanded, None, None, 1).await.unwrap_err()));
    assert!(refused(table.count(&demanded).await.unwrap_err()));
    assert_eq!(database.left("memories", "id").await, ["1"]);
}

async fn existence_is_asked_without_conditions(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w"), ("2", "bob", "w")]).await;
    let table = database.open(&table).await;

    let exists = table.exists(&["3", "2", "\0", "1", "1"]).await.unwrap();

    assert_eq!(exists, [false, true, false, true, true]);
}

async fn a_row_that_is_marked_as_deleted_goes_like_any_other(database: Database) {
    database
        .run(
            "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT, body TEXT, deleted_at TIMESTAMP NULL, state TEXT);
             INSERT INTO memories VALUES ('1', 'alice', 'x', NULL, 'active'), ('2', 'alice', 'x', '2026-01-01', 'deleted'),
                 ('3', 'alice', 'x', '2026-01-01', 'deleted'), ('4', 'bob', 'x', '2026-01-01', 'deleted')",
        )
        .await;
    let mapping = table(json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}}));
    let table = database.open(&mapping).await;
    let of_alice = of_user("alice");

    assert_eq!(table.page(&of_alice, None, None, 9).await.unwrap(), ["1", "2", "3"]);
    assert_eq!(table.count(&of_alice).await.unwrap(), 3);
    assert_eq!(
        table.find(&items(&["2", "4"], &of_alice)).await.unwrap(),
        [Matching, Other]
    );
    let deletion = table.delete(&items(&["2", "1", "4"], &of_alice)).await.unwrap();
    assert_eq!(deletion.deleted, [true, true, false]);
    assert_eq!(database.left("memories", "id").await, ["3", "4"]);
}
