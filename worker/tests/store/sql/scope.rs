//! Every statement has the condition of the mapping's scope.

use lethe_common::config::Table;
use lethe_common::filter::{Bounds, Filter, Path, Scalar, Type};
use lethe_worker::store::sql::RowMatch::{Absent, Matching, Other, Outside};
use lethe_worker::store::sql::{Keys, SqlTable};
use lethe_worker::store::{Conditions, Item, TimeBound};
use serde_json::json;

use super::filter::query;
use super::harness::{Database, table};
use crate::{item, items, of_user};

super::on_each! {
    a_look_says_which_rows_are_outside,
    pages_counts_and_snapshots_are_about_rows_inside,
    a_deletion_leaves_rows_outside,
    a_deletion_with_dependents_leaves_rows_outside,
    what_rows_outside_hold_stops_no_query,
    the_type_of_a_column_is_that_of_values_inside,
    bytes_are_demanded_of_rows_inside,
}

/// Rows 1 and 4 are inside the scope.
const ROWS: &str = "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT, tenant TEXT, made BIGINT);
    INSERT INTO notes VALUES (1, 'u', 'a', 10), (2, 'u', 'b', 30), (3, 'u', NULL, 40), (4, 'v', 'a', 20)";

const ALL: [&str; 5] = ["1", "2", "3", "4", "5"];

fn mapping() -> serde_json::Value {
    json!({
        "name": "notes",
        "columns": {"id": "id", "user": "owner", "created_at": "made"},
        "as": {"made": "seconds"},
        "scope": {"tenant": "a"},
        "collection": {"name": "notes", "point": "payload", "payload": {"id": "id", "user": "owner"}},
    })
}

async fn open(database: &Database) -> SqlTable {
    database.run(ROWS).await;
    database.open(&table(mapping())).await
}

/// Returns a mapping of the same rows without a scope.
fn unscoped() -> Table {
    let mut mapping = mapping();
    mapping.as_object_mut().unwrap().remove("scope");
    table(mapping)
}

/// Returns items with different demands, so that a statement takes each item with its own.
fn mixed() -> Vec<Item> {
    let mut batch = items(&ALL[..3], &of_user("u"));
    batch.extend(items(&ALL[3..], &Conditions::default()));
    batch
}

async fn a_look_says_which_rows_are_outside(database: Database) {
    let opened = open(&database).await;
    let found = opened.find(&items(&ALL, &of_user("u"))).await.unwrap();
    assert_eq!(found, [Matching, Outside, Outside, Other, Absent]);
    let found = opened.find(&mixed()).await.unwrap();
    assert_eq!(found, [Matching, Outside, Outside, Matching, Absent]);
    let found = opened.find(&items(&ALL, &query(Filter::All))).await.unwrap();
    assert_eq!(found, [Matching, Outside, Outside, Matching, Absent]);
    let found = opened.find_ids(&ALL).await.unwrap();
    let kinds: Vec<_> = found.iter().map(|(found, _)| *found).collect();
    assert_eq!(kinds, [Matching, Outside, Outside, Matching, Absent]);
    // The values of a row outside are known: points are compared with them.
    assert_eq!(found[0].1.whose, found[1].1.whose);
    assert_ne!(found[1].1.whose, found[3].1.whose);
    assert_eq!(opened.exists(&ALL).await.unwrap(), [true, true, true, true, false]);
}

async fn pages_counts_and_snapshots_are_about_rows_inside(database: Database) {
    let opened = open(&database).await;
    for (demanded, inside) in [(of_user("u"), &["1"][..]), (query(Filter::All), &["1", "4"])] {
        assert_eq!(opened.page(&demanded, None, None, 10).await.unwrap(), inside);
        assert_eq!(opened.page(&demanded, None, Some("9"), 10).await.unwrap(), inside);
        assert_eq!(opened.count(&demanded).await.unwrap(), inside.len() as u64);
        assert_eq!(opened.last(&demanded).await.unwrap().as_deref(), inside.last().copied());
    }
    let start = opened.start(&query(Filter::All)).await.unwrap().unwrap();
    // SQLite's value also holds that it is a whole number.
    let newest = if database.is_sqlite() { "i20" } else { "20" };
    assert_eq!(start.written, TimeBound::UpTo(newest.to_owned()));
}

async fn a_deletion_leaves_rows_outside(database: Database) {
    let opened = open(&database).await;
    let seen = database.open(&unscoped()).await;
    let seen = seen.page_rows(&query(Filter::All), None, None, 10).await.unwrap();
    // By their places, as if they had been inside then: with the same demands, and each with its own.
    let placed = |demanded: &dyn Fn(usize) -> Conditions| {
        let item = |(n, (id, seen)): (usize, &(String, lethe_worker::store::Seen))| Item {
            place: seen.place.clone(),
            ..item(id, &demanded(n))
        };
        seen.iter().enumerate().map(item).collect::<Vec<_>>()
    };
    let outside = |batch: Vec<Item>| -> Vec<Item> {
        let is_outside = |item: &Item| ["2", "3"].contains(&item.id.as_str());
        batch.into_iter().filter(is_outside).collect()
    };
    let by_place = placed(&|_| of_user("u"));
    let each = placed(&|n| {
        if n % 2 == 0 {
            of_user("u")
        } else {
            Conditions::default()
        }
    });
    for batch in [
        outside(by_place),
        outside(each),
        items(&["2", "3"], &query(Filter::All)),
    ] {
        assert_eq!(opened.delete(&batch).await.unwrap().deleted, [false, false]);
    }
    let deleted = opened.delete(&mixed()).await.unwrap().deleted;
    assert_eq!(deleted, [true, false, false, true, false]);
    assert_eq!(database.left("notes", "id").await, ["2", "3"]);
}

async fn a_deletion_with_dependents_leaves_rows_outside(database: Database) {
    database.run(ROWS).await;
    database
        .run(
            "CREATE TABLE parts (id INTEGER PRIMARY KEY, note INTEGER NOT NULL);
             INSERT INTO parts VALUES (1, 1), (2, 2), (3, 3), (4, 4)",
        )
        .await;
    let mut mapping = mapping();
    mapping["dependents"] = json!([{"table": "parts", "references": "note"}]);
    let opened = database.open(&table(mapping)).await;
    let deletion = opened.delete(&items(&ALL, &of_user("u"))).await.unwrap();
    assert_eq!(deletion.deleted, [true, false, false, false, false]);
    assert!(deletion.refused.is_empty(), "rows outside are not locked");
    let deletion = opened.delete(&mixed()).await.unwrap();
    assert_eq!(deletion.deleted, [false, false, false, true, false]);
    assert!(deletion.refused.is_empty(), "rows outside are not locked");
    assert_eq!(database.left("notes", "id").await, ["2", "3"]);
    assert_eq!(database.left("parts", "id").await, ["2", "3"]);
}

fn before(column: &str, bound: &str) -> Conditions {
    query(Filter::Range {
        path: Path::column(column),
        bounds: Bounds {
            lt: Some(Scalar::from(bound)),
            ..Bounds::default()
        },
    })
}

async fn what_rows_outside_hold_stops_no_query(database: Database) {
    database
        .run(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT, tenant TEXT, made TEXT);
             INSERT INTO notes VALUES (1, 'u', 'a', '2024-01-01 00:00:00'), (2, 'u', 'b', 'soon'), (3, 'u', NULL, '')",
        )
        .await;
    let mut mapping = mapping();
    mapping.as_object_mut().unwrap().remove("as");
    let old = before("made", "2024-06-01");
    let opened = database.open(&table(mapping.clone())).await;
    opened.decided(&old).await.unwrap();
    let keys = Keys {
        after: Some("1"),
        through: Some("3"),
    };
    opened.decided_in(&old, keys).await.unwrap();
    mapping["scope"]["tenant"] = json!("b");
    let opened = database.open(&table(mapping)).await;
    assert_eq!(opened.decided(&old).await.unwrap_err().code().as_str(), "mistyped");
}

// The other databases type their columns.
async fn the_type_of_a_column_is_that_of_values_inside(database: Database) {
    if !database.is_sqlite() {
        return;
    }
    database
        .run(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT, tenant TEXT, made DATETIME, tag);
             INSERT INTO notes VALUES (1, 'u', 'b', 7, 7), (2, 'u', 'a', '2024-01-01 00:00:00', 'x')",
        )
        .await;
    let mut mapping = mapping();
    mapping.as_object_mut().unwrap().remove("as");
    mapping["fields"] = json!({"tag": "tag"});
    let opened = database.open(&table(mapping)).await;
    assert_eq!(opened.types()["tag"], Type::Text);
    for (column, bound) in [("made", "2024-06-01"), ("tag", "y")] {
        let page = opened.page(&before(column, bound), None, None, 10).await.unwrap();
        assert_eq!(page, ["2"], "{column}");
    }
}

async fn bytes_are_demanded_of_rows_inside(database: Database) {
    if !database.is_sqlite() {
        return;
    }
    database
        .run(
            "CREATE TABLE notes (id BLOB PRIMARY KEY, owner BLOB, tenant TEXT);
             INSERT INTO notes VALUES (x'01', x'aa', 'a'), ('02', 'bb', 'b'), (3, 7, NULL)",
        )
        .await;
    let mut mapping = json!({
        "name": "notes",
        "columns": {"id": "id", "user": "owner", "uuids": "text"},
        "scope": {"tenant": "a"},
    });
    let opened = database.open(&table(mapping.clone())).await;
    assert_eq!(opened.exists(&["01", "02"]).await.unwrap(), [true, false]);
    mapping["scope"]["tenant"] = json!("b");
    let faults = database.faults(&table(mapping)).await;
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults
            .iter()
            .all(|fault| fault.to_string().contains("holds values other than bytes"))
    );
}
