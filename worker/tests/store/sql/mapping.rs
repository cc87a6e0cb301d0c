//! A mapping that does not fit is explained, and no call uses it.

use lethe_worker::store::Class;
use lethe_worker::store::sql::{RowMatch, SqlTable};
use serde_json::json;

use super::harness::{Database, table};
use crate::{items, of_user};

super::on_each! {
    all_that_is_missing_is_said_at_once,
    a_table_that_does_not_exist_is_named_with_the_nearest,
    an_id_that_is_not_unique_is_refused,
    a_type_that_cannot_be_compared_is_refused,
    a_view_is_refused,
    what_queries_ask_for_is_checked_too,
    a_version_is_read_with_the_row,
    names_are_taken_as_they_are,
    a_table_that_went_away_is_missing_and_not_absent,
    a_database_that_is_not_there_is_an_outage,
}

async fn all_that_is_missing_is_said_at_once(database: Database) {
    database.memories("TEXT").await;
    let faults = database
        .faults(&table(json!({
            "name": "memories",
            "columns": {"id": "idd", "user": "userid", "workspace": "workspace_id", "agent": "quite_another"},
            "dependents": [{"table": "chunks", "references": "x"}, {"table": "memories", "references": "memory"}],
        })))
        .await;

    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "`columns.id`: table `memories` has no column `idd`; write `id`",
            "`columns.user`: table `memories` has no column `userid`; write `user_id`",
            "`columns.agent`: table `memories` has no column `quite_another`; there are `body`, `id`, `user_id`, `workspace_id`",
            "`dependents.table`: there is no table `chunks`; there are `memories`",
            "`dependents.references`: table `memories` has no column `memory`; there are `body`, `id`, `user_id`, `workspace_id`",
        ]
    );
}

async fn a_table_that_does_not_exist_is_named_with_the_nearest(database: Database) {
    database.memories("TEXT").await;
    let faults = database
        .faults(&table(json!({"name": "Memory", "columns": {"id": "id"}})))
        .await;

    assert_eq!(
        faults[0].to_string(),
        "`sql_table`: there is no table `Memory`; write `memories`"
    );
}

async fn an_id_that_is_not_unique_is_refused(database: Database) {
    let not_of_all = if database.is_mysql() {
        "CREATE UNIQUE INDEX partial ON memories (id(8))"
    } else {
        "CREATE UNIQUE INDEX partial ON memories (id) WHERE a IS NOT NULL;
         CREATE UNIQUE INDEX computed ON memories (lower(id))"
    };
    database
        .run(&format!(
            "CREATE TABLE memories (id TEXT, a TEXT, b TEXT, ref TEXT UNIQUE, PRIMARY KEY (a, id));
             {not_of_all}; CREATE INDEX plain ON memories (id)"
        ))
        .await;
    let faults = database
        .faults(&table(json!({"name": "memories", "columns": {"id": "id"}})))
        .await;

    assert_eq!(
        faults[0].to_string(),
        "`columns.id`: column `id` of `memories` is not unique: it is part of the composite key `id`, `a`, \
         but an id must be one column; there are `ref`"
    );
    database
        .open(&table(json!({"name": "memories", "columns": {"id": "ref"}})))
        .await;
}

async fn a_type_that_cannot_be_compared_is_refused(database: Database) {
    database
        .run("CREATE TABLE memories (id TEXT PRIMARY KEY, score REAL, made TIMESTAMP)")
        .await;
    let faults = database
        .faults(&table(
            json!({"name": "memories", "columns": {"id": "id", "user": "score", "run": "made"}}),
        ))
        .await;

    assert_eq!(faults.len(), 2);
    assert!(faults[0].missing.contains("has type"), "{}", faults[0]);
}

async fn what_queries_ask_for_is_checked_too(database: Database) {
    let json = if database.is_postgres() { "JSONB" } else { "JSON" };
    database
        .run(&format!(
            "CREATE TABLE memories (id TEXT PRIMARY KEY, n INTEGER, made TIMESTAMP, meta {json}, flag BOOLEAN)"
        ))
        .await;
    let fits = json!({
        "name": "memories",
        "columns": {"id": "id", "version": "n", "created_at": "made", "updated_at": "n"},
        "fields": {"flag": "flag", "meta": "meta", "topics": "meta.topics"},
    });
    database.open(&table(fits)).await;
    let faults = database
        .faults(&table(json!({
            "name": "memories",
            "columns": {"id": "id", "version": "id", "created_at": "meta", "updated_at": "mad"},
            "fields": {"a": "mta.topics", "b": "n.x"},
        })))
        .await;

    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let starts = [
        "`columns.version`: column `id` of `memories` has type `",
        "`columns.created_at`: column `meta` of `memories` has type `",
        "`columns.updated_at`: table `memories` has no column `mad`; write `made`",
        "`fields.a`: table `memories` has no column `mta`; write `meta`",
        "`fields.b`: column `n` of `memories` has type `",
    ];
    assert_eq!(said.len(), starts.len(), "{said:#?}");
    for (said, start) in said.iter().zip(starts) {
        assert!(said.starts_with(start), "{said}");
    }
}

async fn a_version_is_read_with_the_row(database: Database) {
    database
        .run(
            "CREATE TABLE memories (id TEXT PRIMARY KEY, user_id TEXT, v INTEGER);
             INSERT INTO memories VALUES ('1', 'alice', 41), ('2', 'alice', NULL), ('3', 'bob', 7)",
        )
        .await;
    let mapping = json!({"name": "memories", "columns": {"id": "id", "user": "user_id", "version": "v"}});
    let versioned = database.open(&table(mapping)).await;
    let asked = items(&["1", "2", "3", "4"], &of_user("alice"));

    let seen = async |table: &SqlTable, asked| -> Vec<(RowMatch, Option<i64>)> {
        let rows = table.find_rows(asked).await.unwrap();
        rows.into_iter().map(|(found, seen)| (found, seen.version)).collect()
    };
    assert_eq!(
        seen(&versioned, &asked).await,
        [
            (RowMatch::Matching, Some(41)),
            (RowMatch::Matching, None),
            (RowMatch::Other, None),
            (RowMatch::Absent, None)
        ]
    );
    let mapping = json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}});
    let plain = database.open(&table(mapping)).await;
    assert_eq!(seen(&plain, &asked[..1]).await, [(RowMatch::Matching, None)]);
}

async fn a_view_is_refused(database: Database) {
    database.memories("TEXT").await;
    database.run("CREATE VIEW seen AS SELECT * FROM memories").await;
    let faults = database
        .faults(&table(json!({"name": "seen", "columns": {"id": "id"}})))
        .await;

    assert_eq!(
        faults[0].to_string(),
        "`sql_table`: `seen` is not a table (a view or another object); use the underlying table"
    );
}

async fn names_are_taken_as_they_are(database: Database) {
    let schema = if database.is_postgres() {
        database.run("CREATE SCHEMA \"the app\"").await;
        "\"the app\""
    } else if database.is_mysql() {
        database.name()
    } else {
        "main"
    };
    database
        .run(&format!(
            "CREATE TABLE {schema}.\"My \"\"Memories\" (\"select\" TEXT PRIMARY KEY, \"user\" TEXT, rowid TEXT);
             INSERT INTO {schema}.\"My \"\"Memories\" VALUES ('1', 'alice', 'x'), ('2', 'bob', 'x')"
        ))
        .await;
    let table = table(json!({
        "name": "memories",
        "sql_table": format!("{}.My \"Memories", schema.trim_matches('"')),
        "columns": {"id": "select", "user": "user", "run": "rowid"},
    }));
    let table = database.open(&table).await;

    assert_eq!(table.page(&of_user("alice"), None, None, 9).await.unwrap(), ["1"]);
    assert_eq!(
        table
            .delete(&items(&["1", "2"], &of_user("alice")))
            .await
            .unwrap()
            .deleted,
        [true, false]
    );
}

async fn a_table_that_went_away_is_missing_and_not_absent(database: Database) {
    let mapping = database.memories("TEXT").await;
    let table = database.open(&mapping).await;
    database.run("DROP TABLE memories").await;

    for error in [
        table.find(&items(&["1"], &of_user("alice"))).await.unwrap_err(),
        table.delete(&items(&["1"], &of_user("alice"))).await.unwrap_err(),
        table.count(&of_user("alice")).await.unwrap_err(),
    ] {
        assert_eq!((error.code().as_str(), error.class()), ("missing", Class::Transient));
        assert!(!error.is_outage());
    }
}

async fn a_database_that_is_not_there_is_an_outage(database: Database) {
    let mut endpoint = database.endpoint();
    // A port whose listener has just gone, or a file that does not exist.
    endpoint.url = if database.is_sqlite() {
        format!("{}.missing", database.url).into()
    } else {
        let scheme = if database.is_mysql() { "mysql" } else { "postgres" };
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        format!("{scheme}://nobody@127.0.0.1:{port}/none").into()
    };
    let within = std::time::Duration::from_secs(2);
    let store = lethe_worker::store::sql::SqlStore::connect_lazy(&endpoint, within).unwrap();

    let error = store.ping().await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    let error = SqlTable::open(&store, &super::harness::mapping()).await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    assert!(!database.directory.path().join("memories.db.missing").exists());
}
