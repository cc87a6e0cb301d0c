//! Owners that memories reference and that callers name, and UUIDs that are written as digits.

use lethe_common::config::Table;
use lethe_common::filter::{Filter, Has, Path, Scalar};
use lethe_worker::store::StoreError;
use lethe_worker::store::sql::RowMatch;
use serde_json::json;

use super::filter::{not, query};
use super::harness::{Database, table};
use crate::{item, items, of_user};

super::on_each! {
    an_owner_is_demanded_by_name,
    a_demand_is_of_the_row_as_it_is,
    a_memory_whose_conversation_moves_stays_for_the_person_that_it_left,
    a_query_compares_names_and_never_references,
    a_negation_keeps_memories_whose_owner_is_gone,
    what_is_missing_of_the_owners_is_said,
    owners_that_the_database_deletes_with_a_memory_are_refused,
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

async fn a_memory_whose_conversation_moves_stays_for_the_person_that_it_left(database: Database) {
    database
        .run(
            "CREATE TABLE sessions (id BIGINT PRIMARY KEY, user_id VARCHAR(99) NOT NULL);
             CREATE TABLE notes (id BIGINT PRIMARY KEY, session_id BIGINT NOT NULL REFERENCES sessions (id));
             INSERT INTO sessions VALUES (1, 'alice'), (2, 'bob');
             INSERT INTO notes VALUES (10, 1), (11, 1), (20, 2)",
        )
        .await;
    let owners = json!({"table": "sessions", "id": "id", "name": "user_id"});
    let columns = json!({"id": "id", "user": "session_id", "owners": owners});
    let table = database
        .open(&table(json!({"name": "notes", "columns": columns})))
        .await;
    let of_alice = query(Filter::OneOf {
        path: Path::column("sessions.user_id"),
        values: vec![Scalar::from("alice")],
    });
    let found = table.page(&of_alice, None, None, 10).await.unwrap();
    assert_eq!(found, ["10", "11"]);
    database.run("UPDATE sessions SET user_id = 'bob' WHERE id = 1").await;

    // The job has selected them. The statement that deletes asks for the owner again, by a query as by a person.
    for conditions in [&of_alice, &of_user("alice")] {
        let deleted = table
            .delete(&[item("10", conditions), item("11", conditions)])
            .await
            .unwrap();
        assert_eq!(deleted.deleted, [false, false]);
        let matches = table.find(&[item("10", conditions)]).await.unwrap();
        assert_eq!(matches, [RowMatch::Other]);
    }
    let deleted = table.delete(&[item("10", &of_user("bob"))]).await.unwrap().deleted;
    assert_eq!(deleted, [true]);
}

async fn a_query_compares_names_and_never_references(database: Database) {
    prepare(&database).await;
    let mut mapping = named();
    let body = serde_json::from_value(json!("body")).unwrap();
    mapping.fields.insert("body".to_owned(), body);
    let table = database.open(&mapping).await;
    let is = |column: &str, value: &str| Filter::OneOf {
        path: Path::column(column),
        values: vec![Scalar::from(value)],
    };
    let name = |value: &str| is("users.user_id", value);
    let begins = Filter::Text {
        path: Path::column("users.user_id"),
        has: Has::Prefix,
        text: "al".to_owned(),
    };
    let any = |any| Filter::Or { any, at_least: 1 };
    for (filter, expected) in [
        (name("alice"), vec![FIRST, SECOND]),
        (name("Alice"), vec![]),
        // Bob's name is the key of alice's row. Here it is only a name.
        (name(ALICE), vec![THIRD]),
        (begins, vec![FIRST, SECOND]),
        (not(name("alice")), vec![THIRD]),
        (any(vec![name("alice"), name(ALICE)]), vec![FIRST, SECOND, THIRD]),
        (Filter::And(vec![is("body", "x"), name("alice")]), vec![FIRST, SECOND]),
        (
            Filter::Exists(Path::column("users.user_id")),
            vec![FIRST, SECOND, THIRD],
        ),
    ] {
        let found = table.page(&query(filter.clone()), None, None, 10).await.unwrap();
        let expected: Vec<String> = expected.into_iter().map(|id| spelled(&database, id)).collect();
        assert_eq!(found, expected, "{filter:?}");
    }

    let of_reference = query(is("user_id", ALICE));
    let error = table.page(&of_reference, None, None, 10).await.unwrap_err();
    assert!(matches!(error, StoreError::Misuse(..)), "{error:?}");
    let of_alice = query(name("alice"));
    let deleted = table.delete(&items(&[FIRST, THIRD], &of_alice)).await.unwrap().deleted;
    assert_eq!(deleted, [true, false]);
    assert_eq!(database.left("memories", "id").await.len(), 2);
}

async fn a_negation_keeps_memories_whose_owner_is_gone(database: Database) {
    database
        .run(
            "CREATE TABLE users (id VARCHAR(20) PRIMARY KEY, name VARCHAR(20));
             CREATE TABLE memories (id VARCHAR(20) PRIMARY KEY, user_id VARCHAR(20));
             INSERT INTO users VALUES ('a', 'ana'), ('b', 'ben'), ('c', NULL);
             INSERT INTO memories VALUES ('1', 'a'), ('2', 'b'), ('3', 'gone'), ('4', NULL), ('5', 'c')",
        )
        .await;
    let owners = json!({"table": "users", "id": "id", "name": "name"});
    let columns = json!({"id": "id", "user": "user_id", "owners": owners});
    let table = database
        .open(&table(json!({"name": "memories", "columns": columns})))
        .await;
    let owner = || Path::column("users.name");
    let ana = || Filter::OneOf {
        path: owner(),
        values: vec![Scalar::from("ana")],
    };
    // One job may be about all but ana's memories while her conversations are deleted.
    for (filter, expected) in [
        (ana(), vec!["1"]),
        (not(ana()), vec!["2", "4", "5"]),
        (not(not(ana())), vec!["1"]),
        (not(Filter::Exists(owner())), vec!["3", "4", "5"]),
    ] {
        let found = table.page(&query(filter.clone()), None, None, 9).await.unwrap();
        assert_eq!(found, expected, "{filter:?}");
    }
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
    // Two rows of one id may name two owners.
    assert_eq!(
        said(json!({"table": "logs", "id": "memory_id", "name": "n"})).await,
        ["`columns.owners.id`: column `memory_id` of `logs` is not unique; there are `n`"]
    );
}

async fn owners_that_the_database_deletes_with_a_memory_are_refused(database: Database) {
    let key = |table: &str| format!("above VARCHAR(20), FOREIGN KEY (above) REFERENCES {table} (id) ON DELETE");
    database
        .run(&format!(
            "CREATE TABLE memories (id VARCHAR(20) PRIMARY KEY, user_id VARCHAR(20));
             CREATE TABLE drafts (id VARCHAR(20) PRIMARY KEY, {} CASCADE);
             CREATE TABLE users (id VARCHAR(20) PRIMARY KEY, name VARCHAR(20), {} CASCADE);
             CREATE TABLE people (id VARCHAR(20) PRIMARY KEY, name VARCHAR(20), {} SET NULL)",
            key("memories"),
            key("drafts"),
            key("drafts"),
        ))
        .await;
    let of = |owners: &str| {
        let owners = json!({"table": owners, "id": "id", "name": "name"});
        let columns = json!({"id": "id", "user": "user_id", "owners": owners});
        table(json!({"name": "memories", "columns": columns}))
    };

    database.open(&of("people")).await;
    // No mapping lists the table in between.
    let faults = database.faults(&of("users")).await;
    assert_eq!(
        faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "`columns.owners.table`: the database deletes rows of `users` with the rows of `drafts` that they reference, \
             and without its owner no job finds a memory; declare the key ON DELETE SET NULL"
        ]
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
