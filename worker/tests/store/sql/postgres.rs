//! Behaviour particular to PostgreSQL.

use lethe_common::config::{PlaceKind, Table, Target};
use lethe_worker::store::sql::RowMatch::{Absent, Matching, Other};
use lethe_worker::store::sql::SqlTable;
use lethe_worker::store::{Class, Item};
use serde_json::json;

use super::harness::{Database, mapping, table};
use super::locks::somebody_waits_for_a_lock;
use crate::{items, of_user};

#[tokio::test]
async fn a_type_without_case_does_not_widen_a_match() {
    let database = Database::postgres().await;
    // The schema is not on the search path.
    database
        .run(
            "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;
             CREATE TABLE memories (id ext.citext PRIMARY KEY, user_id ext.citext, workspace_id ext.citext);
             CREATE TABLE chunks (memory_id ext.citext NOT NULL REFERENCES memories);
             CREATE TABLE history (memory_id text NOT NULL);
             INSERT INTO memories VALUES ('abc', 'alice', 'w'), ('b', 'ALICE', 'w'), ('C', 'alice', 'w');
             INSERT INTO chunks VALUES ('ABC'), ('abc'), ('b'); INSERT INTO history VALUES ('ABC'), ('b')",
        )
        .await;
    let table = database
        .open(&table(json!({
            "name": "memories",
            "columns": {"id": "id", "user": "user_id", "workspace": "workspace_id"},
            "dependents": [
                {"table": "chunks", "references": "memory_id"},
                {"table": "history", "references": "memory_id"},
            ],
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
    assert_eq!(database.left("history", "memory_id").await, ["b"]);
}

#[tokio::test]
async fn a_collation_that_is_not_deterministic_does_not_widen_a_match() {
    let database = Database::postgres().await;
    database
        .run(
            "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             CREATE TABLE memories (id text COLLATE folding PRIMARY KEY, user_id text COLLATE folding, workspace_id text);
             INSERT INTO memories VALUES ('abc', 'alice', 'w'), ('b', 'ALICE', 'w'), ('C', 'alice', 'w')",
        )
        .await;
    let table = database.open(&mapping()).await;

    let batch = items(&["ABC", "b", "abc"], &of_user("alice"));
    assert_eq!(table.find(&batch).await.unwrap(), [Absent, Other, Matching]);
    assert_eq!(
        table.page(&of_user("alice"), None, None, 9).await.unwrap(),
        ["C", "abc"]
    );
    assert_eq!(table.delete(&batch).await.unwrap().deleted, [false, false, true]);
}

#[tokio::test]
async fn padding_and_domains_are_seen_through() {
    let database = Database::postgres().await;
    database
        .run(
            "CREATE DOMAIN memory_id AS text CHECK (value <> ''); CREATE DOMAIN owner_id AS memory_id;
             CREATE TABLE memories (id char(8) PRIMARY KEY, user_id owner_id, workspace_id varchar(2));
             INSERT INTO memories VALUES ('abc', 'alice', 'w'), ('abcdefgh', 'alice', 'w')",
        )
        .await;
    let table = database.open(&mapping()).await;

    // Values are never cut to the column's width, and never stripped of requested blanks.
    let batch = items(&["abc ", "abcdefghi", "ABC", "abc", "abcdefgh"], &of_user("alice"));
    assert_eq!(
        table.find(&batch).await.unwrap(),
        [Absent, Absent, Absent, Matching, Matching]
    );
    let of_www = crate::conditions(&[(lethe_common::job::Field::Workspace, "w ")]);
    assert_eq!(table.find(&items(&["abc"], &of_www)).await.unwrap(), [Other]);
    assert_eq!(
        table.page(&of_user("alice"), None, None, 9).await.unwrap(),
        ["abc", "abcdefgh"]
    );
    assert_eq!(
        table.delete(&batch).await.unwrap().deleted,
        [false, false, false, true, true]
    );
}

#[tokio::test]
async fn pages_follow_the_columns_own_order() {
    let database = Database::postgres().await;
    for kind in ["text COLLATE \"en-x-icu\"", "char(4)", "varchar(9) COLLATE \"C\""] {
        database
            .run(&format!(
                "DROP TABLE IF EXISTS memories;
                 CREATE TABLE memories (id {kind} PRIMARY KEY, user_id text, workspace_id text);
                 INSERT INTO memories SELECT id, 'alice', 'w' FROM unnest('{{a,A,b,B,ä,-a,a-,aa,10,9}}'::text[]) AS id",
            ))
            .await;
        let table = database.open(&mapping()).await;
        let expected: Vec<String> = sqlx::query_scalar("SELECT id::text FROM memories ORDER BY id")
            // The cached plan belongs to the previous table.
            .persistent(false)
            .fetch_all(&database.pool)
            .await
            .unwrap();

        let mut seen: Vec<String> = Vec::new();
        loop {
            let after = seen.last().map(String::as_str);
            let page = table.page(&of_user("alice"), after, None, 3).await.unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen, expected, "{kind}");
    }
}

#[tokio::test]
async fn hidden_rows_are_an_error_and_not_absent() {
    let database = Database::postgres().await;
    database.memories("TEXT").await;
    let role = format!("lethe_{}", uuid::Uuid::now_v7().simple());
    database
        .run(&format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT, DELETE ON memories TO {role};
             INSERT INTO memories VALUES ('1', 'alice', 'w')"
        ))
        .await;
    let (scheme, rest) = database.url.split_once("://").unwrap();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let endpoint = lethe_common::config::SqlEndpoint {
        url: format!("{scheme}://{role}@{host}").into(),
        max_connections: 1,
        tls: None,
    };
    let store = lethe_worker::store::sql::SqlStore::connect_lazy(&endpoint, crate::TIMEOUT).unwrap();
    let table = SqlTable::open(&store, &mapping()).await.unwrap();

    database.run("ALTER TABLE memories ENABLE ROW LEVEL SECURITY").await;

    let error = table.find(&items(&["1"], &of_user("alice"))).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.class()), ("forbidden", Class::Transient));
    let error = SqlTable::open(&store, &mapping()).await.unwrap_err();
    assert!(
        error.to_string().contains("row security hides rows of `memories`"),
        "{error}"
    );
    database
        .run(&format!(
            "ALTER TABLE memories DISABLE ROW LEVEL SECURITY; REVOKE DELETE ON memories FROM {role}"
        ))
        .await;
    let error = SqlTable::open(&store, &mapping()).await.unwrap_err();
    assert!(error.to_string().contains("GRANT DELETE ON \"memories\""), "{error}");
}

/// Returns items with these ids, each with the present place of its row.
async fn placed(table: &SqlTable, ids: &[&str], owner: &str) -> Vec<Item> {
    let plain = items(ids, &of_user(owner));
    let rows = table.find_rows(&plain).await.unwrap();
    let seen = plain.into_iter().zip(rows).map(|(item, (_, seen))| Item {
        place: seen.place,
        ..item
    });
    let seen: Vec<Item> = seen.collect();
    assert!(seen.iter().all(|item| item.place.is_some()));
    seen
}

#[tokio::test]
async fn a_row_is_deleted_where_it_was_seen_and_wherever_it_has_gone_since() {
    let database = Database::postgres().await;
    let table = database.memories("TEXT").await;
    database
        .add(&[("a", "alice", "w"), ("b", "alice", "w"), ("c", "alice", "w")])
        .await;
    let table = database.open(&table).await;
    let seen = placed(&table, &["a", "b", "c"], "alice").await;
    // Another version of a row, in another place, and a row that another application deleted.
    database
        .run("UPDATE memories SET workspace_id = 'v' WHERE id = 'b'; DELETE FROM memories WHERE id = 'c'")
        .await;

    assert_eq!(table.delete(&seen).await.unwrap().deleted, [true, true, false]);
    assert!(database.left("memories", "id").await.is_empty());
}

#[tokio::test]
async fn a_place_does_not_make_another_row_of_what_was_asked_for() {
    let database = Database::postgres().await;
    let table = database.memories("TEXT").await;
    database
        .add(&[("a", "alice", "w"), ("b", "alice", "w"), ("c", "alice", "w")])
        .await;
    let table = database.open(&table).await;
    let mut seen = placed(&table, &["a", "b", "c"], "alice").await;
    // A row changes its owner, and two rows swap their places, as a vacuum and an insert can do.
    database.run("UPDATE memories SET user_id = 'bob' WHERE id = 'b'").await;
    let (left, right) = seen.split_at_mut(2);
    std::mem::swap(&mut left[0].place, &mut right[0].place);

    assert_eq!(table.delete(&seen[..2]).await.unwrap().deleted, [true, false]);
    assert_eq!(database.left("memories", "id").await, ["b", "c"]);
}

#[tokio::test]
async fn a_row_that_is_being_changed_is_judged_as_it_will_be() {
    let database = Database::postgres().await;
    let table = database.memories("TEXT").await;
    database.add(&[("a", "alice", "w"), ("b", "alice", "w")]).await;
    let table = database.open(&table).await;
    let seen = placed(&table, &["a", "b"], "alice").await;
    let mut other = database.pool.acquire().await.unwrap();
    sqlx::raw_sql(
        "BEGIN; UPDATE memories SET user_id = 'bob' WHERE id = 'a'; UPDATE memories SET workspace_id = 'v' WHERE id = 'b'",
    )
    .execute(&mut *other)
    .await
    .unwrap();

    let commit = async {
        somebody_waits_for_a_lock(&database).await;
        sqlx::raw_sql("COMMIT").execute(&mut *other).await.unwrap();
    };
    let (deleted, ()) = tokio::join!(table.delete(&seen), commit);

    assert_eq!(deleted.unwrap().deleted, [false, true]);
    assert_eq!(database.left("memories", "id").await, ["a"]);
}

#[tokio::test]
async fn a_server_that_has_no_room_for_a_ping_answers() {
    let database = Database::postgres().await;
    let role = format!("lethe_{}", uuid::Uuid::now_v7().simple());
    database
        .run(&format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 1"))
        .await;
    let (scheme, rest) = database.url.split_once("://").unwrap();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let endpoint = lethe_common::config::SqlEndpoint {
        url: format!("{scheme}://{role}@{host}").into(),
        max_connections: 1,
        tls: None,
    };
    let store = lethe_worker::store::sql::SqlStore::connect_lazy(&endpoint, crate::TIMEOUT).unwrap();
    // The only connection that the role may have is now in the pool.
    store.ping().await.unwrap();

    assert!(store.answers(crate::TIMEOUT).await);

    database.run(&format!("ALTER ROLE {role} NOLOGIN")).await;
    assert!(
        store.answers(crate::TIMEOUT).await,
        "it answers that the role may not log in"
    );
    let nobody = lethe_common::config::SqlEndpoint {
        url: "postgres://nobody@127.0.0.1:1/none".to_owned().into(),
        max_connections: 1,
        tls: None,
    };
    let nobody = lethe_worker::store::sql::SqlStore::connect_lazy(&nobody, crate::TIMEOUT).unwrap();
    assert!(!nobody.answers(crate::TIMEOUT).await);
    drop(store);
    database.run(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_database_that_accepts_no_connections_is_an_outage() {
    let (database, other) = (Database::postgres().await, Database::postgres().await);
    let mapping = database.memories("TEXT").await;
    let accept = async |whether: bool| {
        let name = database.name();
        other
            .run(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {whether}"))
            .await;
    };
    let store = database.store();

    accept(false).await;
    for error in [
        store.ping().await.unwrap_err(),
        SqlTable::open(&store, &mapping).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.code().as_str(), error.class()),
            ("unavailable", Class::Transient)
        );
        assert!(error.is_outage());
    }
    accept(true).await;
    store.ping().await.unwrap();
}

/// Makes a database whose URL has the schema `app` in its search path, and not `archive`. With rows of `app.notes` the
/// database deletes those of `archive.notes`, `app.users` and `archive.people`, and none of `app.people`.
async fn with_schemas() -> Database {
    let mut database = Database::postgres().await;
    database
        .run(
            "CREATE SCHEMA app; CREATE SCHEMA archive;
             CREATE TABLE app.notes (id TEXT PRIMARY KEY, user_id TEXT,
                                     above TEXT REFERENCES app.notes (id) ON DELETE CASCADE);
             CREATE TABLE archive.notes (id TEXT PRIMARY KEY REFERENCES app.notes (id) ON DELETE CASCADE);
             CREATE TABLE app.users (id TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL,
                                     note TEXT REFERENCES archive.notes (id) ON DELETE CASCADE);
             CREATE TABLE archive.people (LIKE app.users INCLUDING ALL,
                                          FOREIGN KEY (note) REFERENCES archive.notes (id) ON DELETE CASCADE);
             CREATE TABLE app.people (LIKE app.users INCLUDING ALL)",
        )
        .await;
    database.url.push_str("&options=-c%20search_path%3Dapp");
    database
}

/// Returns the mapping of notes whose owners are in this table.
fn owned(owners: &str) -> Table {
    let owners = json!({"table": owners, "id": "id", "name": "name"});
    table(json!({"name": "notes", "columns": {"id": "id", "user": "user_id", "owners": owners}}))
}

#[tokio::test]
async fn owners_that_the_database_deletes_are_found_by_each_of_their_names() {
    let database = with_schemas().await;
    let target = Target {
        name: "main".to_owned(),
        preset: None,
        sql: Some(database.endpoint()),
        vector: None,
        tables: Vec::new(),
        embedded: false,
    };
    for name in ["notes", "app.notes"] {
        let notes = table(json!({"name": "notes", "sql_table": name, "columns": {"id": "id"}}));
        let opened = database.open(&notes).await;
        let deleted = target.owner_places(opened.cascades());
        for (owners, goes) in [
            ("users", true),
            ("app.users", true),
            ("archive.people", true),
            ("people", false),
            ("app.people", false),
            // The mapping lists it.
            ("notes", false),
            ("app.notes", false),
            ("archive.notes", true),
        ] {
            let other = owned(owners);
            let mut siblings = target.siblings(&other).into_iter();
            let owners_there = siblings.find(|sibling| sibling.kind == PlaceKind::Owners).unwrap();
            assert_eq!(deleted.contains(&owners_there.place), goes, "{owners} with {name}");
        }
    }
}

#[tokio::test]
async fn owners_of_one_name_in_two_schemas_are_told_apart() {
    let database = with_schemas().await;
    for owners in ["people", "app.people"] {
        database.open(&owned(owners)).await;
    }
    for owners in ["users", "app.users", "archive.people"] {
        let faults = database.faults(&owned(owners)).await;
        assert_eq!(
            faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!(
                "`columns.owners.table`: the database deletes rows of `{owners}` with the rows of `archive.notes` that they \
                 reference, and without its owner no job finds a memory; declare the key ON DELETE SET NULL"
            )],
        );
    }
}
