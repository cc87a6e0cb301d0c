//! Compiled filters: the rows that they match, and the rules that they never break.

use lethe_common::config::Table;
use lethe_common::filter::{Filter, Has, Path, Scalar};
use lethe_worker::store::sql::SqlTable;
use lethe_worker::store::{Class, Conditions, Item, Query, Start, StoreError, TimeBound};
use serde_json::json;

use super::harness::{Database, table};

super::on_each! {
    nothing_that_a_caller_writes_becomes_a_part_of_a_statement,
    a_filter_is_in_the_deleting_statement,
    a_version_that_changed_keeps_the_row,
    a_snapshot_leaves_what_was_written_later,
    rows_that_were_changed_since_the_start_are_listed_as_such_and_stay,
    a_large_filter_is_one_statement,
    a_column_that_is_not_mapped_is_refused,
    what_is_of_another_type_is_refused,
    what_the_types_turn_into_everything_is_refused,
}

pub(super) fn query(filter: Filter) -> Conditions {
    Conditions::default().with_query(Query {
        filter: filter.into(),
        start: None,
    })
}

pub(super) fn path(names: &[&str]) -> Path {
    Path::try_from(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn is(names: &[&str], value: impl Into<Scalar>) -> Filter {
    Filter::OneOf {
        path: path(names),
        values: vec![value.into()],
    }
}

fn has(names: &[&str], has: Has, text: &str) -> Filter {
    Filter::Text {
        path: path(names),
        has,
        text: text.to_owned(),
    }
}

pub(super) fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn item(id: &str, conditions: &Conditions, version: Option<i64>) -> Item {
    Item {
        version,
        ..Item::new(id, conditions)
    }
}

async fn found(table: &SqlTable, filter: Filter) -> Vec<String> {
    table.page(&query(filter), None, None, 1_000).await.unwrap()
}

/// Makes `notes` with a column of every type that filters meet.
pub(super) async fn notes(database: &Database) -> Table {
    let [double, json, raw] = if database.is_postgres() {
        ["DOUBLE PRECISION", "JSONB", "JSON"]
    } else if database.is_mysql() {
        ["DOUBLE", "JSON", "MEDIUMTEXT"]
    } else {
        ["REAL", "JSON", "TEXT"]
    };
    database
        .run(&format!(
            "CREATE TABLE notes (id TEXT PRIMARY KEY, owner TEXT, n INTEGER, f {double}, flag BOOLEAN, u UUID,
                 meta {json}, raw {raw}, v INTEGER, made INTEGER)"
        ))
        .await;
    table(json!({
        "name": "notes",
        "columns": {"id": "id", "user": "owner", "version": "v", "created_at": "made"},
        "fields": {"n": "n", "f": "f", "flag": "flag", "u": "u", "meta": "meta", "topics": "raw.topics"},
    }))
}

async fn nothing_that_a_caller_writes_becomes_a_part_of_a_statement(database: Database) {
    let mapping = notes(&database).await;
    let evil = "x'\"; DROP TABLE notes; --$1 ${ } \\ \u{7f}";
    let meta = json!({"topics": {evil: [evil]}}).to_string().replace('\'', "''");
    database
        .run(&format!(
            "INSERT INTO notes (id, owner, meta, raw) VALUES ('1', '{}', '{meta}', '{meta}'), ('2', 'bob', NULL, NULL)",
            evil.replace('\'', "''")
        ))
        .await;
    let table = database.open(&mapping).await;

    for filter in [
        is(&["owner"], evil),
        is(&["meta", "topics", evil], evil),
        is(&["raw", "topics", evil], evil),
        has(&["owner"], Has::Prefix, evil),
        has(&["owner"], Has::Part, evil),
        has(&["meta", "topics", evil], Has::Prefix, evil),
        has(&["raw", "topics", evil], Has::Part, evil),
        Filter::Exists(path(&["raw", "topics", evil])),
        Filter::Ids(vec!["1".to_owned(), evil.to_owned()]),
    ] {
        let text = serde_json::to_string(&filter).unwrap();
        assert_eq!(found(&table, filter).await, ["1"], "{text}");
    }
    assert_eq!(database.left("notes", "id").await, ["1", "2"]);
}

async fn a_filter_is_in_the_deleting_statement(database: Database) {
    let mapping = notes(&database).await;
    database
        .run("CREATE TABLE parts (note TEXT NOT NULL); INSERT INTO parts VALUES ('1'), ('2'), ('3')")
        .await;
    let mut with_dependents = mapping.clone();
    with_dependents.dependents = serde_json::from_value(json!([{"table": "parts", "references": "note"}])).unwrap();
    for mapping in [mapping, with_dependents] {
        database
            .run("DELETE FROM notes; INSERT INTO notes (id, owner, n) VALUES ('1', 'ana', 1), ('2', 'ana', 2), ('3', 'bob', 1)")
            .await;
        let table = database.open(&mapping).await;
        let conditions = crate::of_user("ana").with_query(Query {
            filter: is(&["n"], Scalar::Integer(1)).into(),
            start: None,
        });
        let items = ["1", "2", "3"].map(|id| item(id, &conditions, None));

        assert_eq!(table.count(&conditions).await.unwrap(), 1);
        assert_eq!(table.delete(&items).await.unwrap().deleted, [true, false, false]);
        assert_eq!(database.left("notes", "id").await, ["2", "3"]);
    }
    assert_eq!(database.left("parts", "note").await, ["2", "3"]);
}

async fn a_version_that_changed_keeps_the_row(database: Database) {
    let mapping = notes(&database).await;
    database
        .run("INSERT INTO notes (id, owner, v) VALUES ('1', 'ana', 1), ('2', 'ana', 1), ('3', 'ana', NULL)")
        .await;
    let table = database.open(&mapping).await;
    let conditions = query(is(&["owner"], "ana"));
    let page = table.page_rows(&conditions, None, None, 10).await.unwrap();
    database.run("UPDATE notes SET v = 2 WHERE id = '2'").await;
    let items: Vec<Item> = page
        .iter()
        .map(|(id, seen)| item(id, &conditions, seen.version))
        .collect();

    assert_eq!(table.delete(&items).await.unwrap().deleted, [true, false, true]);
    assert_eq!(database.left("notes", "id").await, ["2"]);
}

fn written(start: Option<&Start>) -> Option<&TimeBound> {
    start.map(|start| &start.written)
}

async fn a_snapshot_leaves_what_was_written_later(database: Database) {
    let types: &[(&str, &str, &str)] = if database.is_postgres() {
        &[
            ("INTEGER", "5", "6"),
            (
                "TIMESTAMPTZ",
                "'2024-01-01T00:00:00.123456Z'",
                "'2024-01-01T00:00:00.123457Z'",
            ),
            (
                "TIMESTAMP",
                "'2024-01-01T00:00:00.123456'",
                "'2024-01-01T00:00:00.123457'",
            ),
            ("DATE", "'2024-01-01'", "'2024-01-02'"),
            ("TEXT", "'2024-01-01'", "'2024-01-01b'"),
            ("DOUBLE PRECISION", "0.1", "0.10000000000000002"),
            ("NUMERIC", "0.1", "0.10000000000000000001"),
        ]
    } else if database.is_mysql() {
        &[
            ("INTEGER", "5", "6"),
            ("BIGINT UNSIGNED", "18446744073709551614", "18446744073709551615"),
            (
                "DATETIME(6)",
                "'2024-01-01T00:00:00.123456'",
                "'2024-01-01T00:00:00.123457'",
            ),
            (
                "TIMESTAMP(6) NULL",
                "'2024-01-01T00:00:00.123456'",
                "'2024-01-01T00:00:00.123457'",
            ),
            ("DATE", "'2024-01-01'", "'2024-01-02'"),
            ("TEXT", "'2024-01-01'", "'2024-01-01b'"),
            ("DOUBLE", "0.1", "0.10000000000000002"),
            ("FLOAT", "0.1", "0.2"),
            ("DECIMAL(65,30)", "0.1", "0.10000000000000000001"),
        ]
    } else {
        &[
            ("INTEGER", "5", "6"),
            ("DATETIME", "'2024-01-01 00:00:00'", "'2024-01-01 00:00:01'"),
            ("REAL", "0.1", "0.10000000000000002"),
            ("TEXT", "'2024-01-01 00:00:00'", "'2024-01-01T00:00:00.000000001'"),
        ]
    };
    for (kind, first, later) in types {
        database
            .run(&format!(
                "DROP TABLE IF EXISTS notes; CREATE TABLE notes (id TEXT PRIMARY KEY, owner TEXT, made {kind})"
            ))
            .await;
        let mapping = table(json!({"name": "notes", "columns": {"id": "id", "user": "owner", "created_at": "made"}}));
        let table = database.open(&mapping).await;
        let filter = is(&["owner"], "ana");
        let until = |start| {
            Conditions::default().with_query(Query {
                filter: filter.clone().into(),
                start,
            })
        };
        // The filter does not match the third row, so its later time does not count.
        database
            .run(&format!(
                "INSERT INTO notes VALUES ('1', 'ana', {first}), ('2', 'ana', NULL), ('3', 'bob', {later})"
            ))
            .await;
        let start = table.start(&query(filter.clone())).await.unwrap();
        assert!(matches!(written(start.as_ref()), Some(TimeBound::UpTo(_))), "{kind}");
        database
            .run(&format!("INSERT INTO notes VALUES ('4', 'ana', {later})"))
            .await;

        assert_eq!(table.count(&until(start.clone())).await.unwrap(), 2, "{kind}");
        let items = ["1", "2", "4"].map(|id| item(id, &until(start.clone()), None));
        assert_eq!(
            table.delete(&items).await.unwrap().deleted,
            [true, true, false],
            "{kind}"
        );
        assert_eq!(database.left("notes", "id").await, ["3", "4"], "{kind}");
        // If no matching row has a time, the query selects only rows without one.
        database.run("DELETE FROM notes WHERE id = '4'").await;
        let start = table.start(&query(filter.clone())).await.unwrap();
        assert!(matches!(written(start.as_ref()), Some(TimeBound::Unknown)), "{kind}");
        database
            .run(&format!("INSERT INTO notes VALUES ('5', 'ana', {first})"))
            .await;
        assert_eq!(table.count(&until(start)).await.unwrap(), 0, "{kind}");
    }
}

async fn rows_that_were_changed_since_the_start_are_listed_as_such_and_stay(database: Database) {
    database
        .run(
            "CREATE TABLE notes (id VARCHAR(20) PRIMARY KEY, owner VARCHAR(20), made BIGINT, changed BIGINT);
             INSERT INTO notes VALUES ('1', 'ana', 1, 5), ('2', 'ana', 1, NULL), ('3', 'ana', 1, 5)",
        )
        .await;
    let columns = json!({"id": "id", "user": "owner", "created_at": "made", "updated_at": "changed"});
    let table = database
        .open(&table(json!({"name": "notes", "columns": columns})))
        .await;
    let filter = is(&["owner"], "ana");
    let start = table.start(&query(filter.clone())).await.unwrap();
    let since = Conditions::default().with_query(Query {
        filter: filter.into(),
        start,
    });
    database
        .run("UPDATE notes SET changed = 6 WHERE id = '3'; INSERT INTO notes VALUES ('4', 'ana', 2, 6)")
        .await;

    let page = table.page_rows(&since, None, None, 10).await.unwrap();
    let listed: Vec<(&str, bool)> = page.iter().map(|(id, seen)| (id.as_str(), seen.changed)).collect();
    assert_eq!(listed, [("1", false), ("2", false), ("3", true)]);
    assert_eq!(table.count(&since).await.unwrap(), 2);
    let items = ["1", "2", "3", "4"].map(|id| item(id, &since, None));
    let deleted = table.delete(&items).await.unwrap().deleted;
    assert_eq!(deleted, [true, true, false, false]);
}

async fn a_large_filter_is_one_statement(database: Database) {
    let mapping = notes(&database).await;
    database
        .run("INSERT INTO notes (id, owner, n) VALUES ('1', 'u65000', 1), ('2', 'x', 1022), ('3', 'x', 2000)")
        .await;
    let table = database.open(&mapping).await;
    let many = Filter::OneOf {
        path: path(&["owner"]),
        values: (0..65_536).map(|n| Scalar::Text(format!("u{n}"))).collect(),
    };
    many.check().unwrap();
    assert_eq!(found(&table, many).await, ["1"]);
    let wide = Filter::Or {
        any: (0..1_023).map(|n| is(&["n"], Scalar::Integer(n))).collect(),
        at_least: 1,
    };
    wide.check().unwrap();
    assert_eq!(found(&table, wide).await, ["1", "2"]);
    let deep = (0..19).fold(is(&["owner"], "x"), |inner, _| not(inner));
    deep.check().unwrap();
    assert_eq!(found(&table, deep).await, ["1"]);
}

async fn a_column_that_is_not_mapped_is_refused(database: Database) {
    let mut mapping = notes(&database).await;
    mapping.fields.clear();
    let table = database.open(&mapping).await;
    for filter in [
        is(&["flag"], Scalar::Bool(true)),
        is(&["nowhere"], "x"),
        is(&["v", "inside"], "x"),
        not(Filter::Exists(path(&["n\" IS NULL OR \"n"]))),
    ] {
        let error = table.page(&query(filter), None, None, 10).await.unwrap_err();
        assert!(matches!(error, StoreError::Misuse(..)), "{error}");
    }
}

async fn what_is_of_another_type_is_refused(database: Database) {
    let mapping = notes(&database).await;
    database
        .run("INSERT INTO notes (id, owner, n) VALUES ('1', 'ana', 1)")
        .await;
    let table = database.open(&mapping).await;
    let one = is(&["n"], "one");
    for filter in [one.clone(), not(one.clone()), is(&["owner"], "ana").and(not(one))] {
        let asked = query(filter);
        let page = table.page(&asked, None, None, 10).await.unwrap_err();
        let count = table.count(&asked).await.unwrap_err();
        let start = table.start(&asked).await.err().map(|error| error.code().as_str());
        let deleted = table.delete(&[item("1", &asked, None)]).await.unwrap_err();
        for error in [page, count, deleted] {
            assert_eq!(
                (error.code().as_str(), error.class()),
                ("mistyped", Class::Permanent),
                "{error}"
            );
        }
        assert!(start.is_none_or(|code| code == "mistyped"));
    }
    assert_eq!(database.left("notes", "id").await, ["1"]);
}

async fn what_the_types_turn_into_everything_is_refused(database: Database) {
    let mapping = notes(&database).await;
    database.run("INSERT INTO notes (id, n) VALUES ('1', 1)").await;
    let table = database.open(&mapping).await;
    // No whole number equals 1.5: taken literally, the negation matches all rows.
    let filter = not(is(&["n"], Scalar::Float(1.5)));
    filter.check().unwrap();
    let error = table.count(&query(filter.clone())).await.unwrap_err();
    assert!(matches!(error, StoreError::Misuse(..)), "{error}");
    let error = table
        .delete(&[item("1", &query(filter.clone()), None)])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Misuse(..)), "{error}");
    assert_eq!(found(&table, filter.and(Filter::All)).await, ["1"]);
    assert_eq!(found(&table, is(&["n"], Scalar::Float(1.5))).await, [""; 0]);
    assert_eq!(found(&table, is(&["owner"], "a\0")).await, [""; 0]);
}
