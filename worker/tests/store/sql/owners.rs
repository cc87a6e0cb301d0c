//! Owners that memories reference and that callers name, and UUIDs that are written as digits.

use lethe_common::config::Table;
use lethe_worker::store::sql::RowMatch;
use serde_json::json;

use super::harness::{Database, table};
use crate::{item, items, of_user};

super::on_each! {
    an_owner_is_demanded_by_name,
    a_demand_is_of_the_row_as_it_is,
    what_is_missing_of_the_owners_is_said,
}

const ALICE: &str = "00000000-0000-4000-8000-00000000000a";
const BOB: &str = "00000000-0000-4000-8000-00000000000b";
const FIRST: &str = "11111111-1111-4111-8111-11111111111a";
const SECOND: &str = "22222222-2222-4222-8222-22222222222b";
const THIRD: &str = "33333333-3333-4333-8333-33333333333c";

fn mapping(owners: &serde_json::Value) -> Table {
    table(json!({
        "name": "memories",
        "columns": {"id": "id", "user": "user_id", "owners": owners, "uuids": "hex"},
        "dependents": [{"table": "logs", "references": "memory_id"}],
    }))
}

fn named() -> Table {
    mapping(&json!({"table": "users", "id": "id", "name": "user_id"}))
}

/// Makes two memories of alice's, with a log line each, and one of bob's, whose own name is the key of alice's row.
async fn prepare(database: &Database) {
    database
        .run(
            "CREATE TABLE users (id UUID PRIMARY KEY, user_id TEXT UNIQUE NOT NULL);
             CREATE TABLE memories (id UUID PRIMARY KEY, user_id UUID NOT NULL REFERENCES users (id), body TEXT);
             CREATE TABLE logs (n INTEGER PRIMARY KEY, memory_id UUID NOT NULL REFERENCES memories (id))",
        )
        .await;
    let rows = format!(
        "INSERT INTO users VALUES ('{ALICE}', 'alice'), ('{BOB}', '{ALICE}');
         INSERT INTO memories VALUES ('{FIRST}', '{ALICE}', 'x'), ('{SECOND}', '{ALICE}', 'x'), ('{THIRD}', '{BOB}', 'x');
         INSERT INTO logs VALUES (1, '{FIRST}'), (2, '{SECOND}'), (3, '{THIRD}')"
    );
    database.run(&spelled(database, &rows)).await;
}

/// Returns a text with its UUIDs in the database's spelling: digits, unless it has a type for them. The last one,
/// which is a name, stays unchanged.
fn spelled(database: &Database, text: &str) -> String {
    if !database.is_sqlite() {
        return text.to_owned();
    }
    let plain = [BOB, FIRST, SECOND, THIRD]
        .iter()
        .fold(text.to_owned(), |text, uuid| text.replace(uuid, &uuid.replace('-', "")));
    plain
        .replace(&format!("('{ALICE}'"), &format!("('{}'", ALICE.replace('-', "")))
        .replace(
            &format!("'{ALICE}', 'x'"),
            &format!("'{}', 'x'", ALICE.replace('-', "")),
        )
}

async fn an_owner_is_demanded_by_name(database: Database) {
    prepare(&database).await;
    let table = database.open(&named()).await;

    let found = table.find(&items(&[FIRST, THIRD], &of_user("alice"))).await.unwrap();
    assert_eq!(found, [RowMatch::Matching, RowMatch::Other]);
    assert_eq!(table.count(&of_user("alice")).await.unwrap(), 2);
    // Bob's name equals the key of alice's row. Here it is only a name.
    assert_eq!(table.count(&of_user(ALICE)).await.unwrap(), 1);
    assert_eq!(table.count(&of_user("Alice")).await.unwrap(), 0);
    let page = table.page(&of_user("alice"), Some(FIRST), None, 10).await.unwrap();
    assert_eq!(page, [spelled(&database, SECOND)]);
    assert!(table.has_uuid_ids());

    // Every spelling of an id names the same memory.
    let upper = FIRST.to_uppercase();
    let ids = [upper.as_str(), SECOND, THIRD];
    let deleted = table.delete(&items(&ids, &of_user("alice"))).await.unwrap().deleted;
    assert_eq!(deleted, [true, true, false]);
    assert_eq!(database.left("memories", "id").await, [spelled(&database, THIRD)]);
    assert_eq!(database.left("logs", "n").await, ["3"]);
}

async fn a_demand_is_of_the_row_as_it_is(database: Database) {
    prepare(&database).await;
    let table = database.open(&named()).await;
    let to_bob = format!("UPDATE memories SET user_id = '{BOB}' WHERE id = '{FIRST}'");
    database.run(&spelled(&database, &to_bob)).await;

    let deleted = table.delete(&[item(FIRST, &of_user("alice"))]).await.unwrap().deleted;
    assert_eq!(deleted, [false]);
    let deleted = table.delete(&[item(FIRST, &of_user(ALICE))]).await.unwrap().deleted;
    assert_eq!(deleted, [true]);
}

async fn what_is_missing_of_the_owners_is_said(database: Database) {
    prepare(&database).await;
    let said = async |owners: serde_json::Value| -> Vec<String> {
        let faults = database.faults(&mapping(&owners)).await;
        faults.iter().map(ToString::to_string).collect()
    };

    assert_eq!(
        said(json!({"table": "user", "id": "id", "name": "user_id"})).await,
        ["`columns.owners.table`: there is no table `user`; write `users`"]
    );
    assert_eq!(
        said(json!({"table": "users", "id": "key", "name": "name"})).await,
        [
            "`columns.owners.id`: table `users` has no column `key`; there are `id`, `user_id`",
            "`columns.owners.name`: table `users` has no column `name`; there are `id`, `user_id`",
        ]
    );
    assert_eq!(
        said(json!({"table": "users", "id": "user_id", "name": "id"})).await,
        ["`columns.owners.id`: columns `user_id` and `user_id` of `users` have different types"]
    );
}

#[tokio::test]
async fn sqlite_s_uuids_are_not_guessed_at() {
    let database = Database::sqlite().await;
    prepare(&database).await;
    let columns = |more: serde_json::Value| {
        let mut columns = json!({"id": "id", "user": "user_id"});
        columns
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        table(json!({"name": "memories", "columns": columns}))
    };
    let said = database.faults(&columns(json!({}))).await;
    let instead = "write `hex` for 32 digits (SQLAlchemy), or `text` for texts with one spelling";
    let says = |name: &str| {
        let missing =
            format!("column `{name}` of `memories` has type `UUID`; the form of its UUIDs must be configured");
        format!("`columns.uuids`: {missing}; {instead}")
    };
    let said: Vec<String> = said.iter().map(ToString::to_string).collect();
    assert_eq!(said, [says("id"), says("user_id")]);

    let digits = FIRST.replace('-', "");
    for (uuids, found) in [
        ("hex", [RowMatch::Matching; 2]),
        ("text", [RowMatch::Absent, RowMatch::Matching]),
    ] {
        let table = database.open(&columns(json!({"uuids": uuids}))).await;
        let ids = items(&[FIRST, &digits], &of_user(&ALICE.replace('-', "")));
        assert_eq!(table.find(&ids).await.unwrap(), found, "{uuids}");
    }
}
