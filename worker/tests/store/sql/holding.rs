//! Holds in the deleting statement. Workers narrow a job's filter by `NOT hold`: held rows stay in each way of deleting,
//! and so does a row if nothing says whether it is held.

use std::sync::Arc;

use lethe_common::filter::{Bounds, Filter, Has, Path, Scalar};
use lethe_worker::store::sql::RowMatch::{Absent, Matching, Other};
use lethe_worker::store::sql::SqlTable;
use lethe_worker::store::{Conditions, Item, Query};
use serde_json::json;

use super::filter::{not, notes, path, query};
use super::harness::{Database, table};
use crate::{items, of_user};

super::on_each! {
    a_held_row_stays_in_every_way_of_deleting,
    a_hold_of_every_kind_keeps_its_rows,
    a_row_stays_if_nothing_says_whether_it_is_held,
    a_hold_by_two_times_keeps_what_is_no_time,
    wide_holds_are_one_statement,
}

fn is(column: &str, value: impl Into<Scalar>) -> Filter {
    one_of(column, vec![value.into()])
}

fn one_of(column: &str, values: Vec<Scalar>) -> Filter {
    let path = Path::column(column);
    Filter::OneOf { path, values }
}

/// Returns the filter of the memories that no hold keeps.
fn unheld(holds: Vec<Filter>) -> Filter {
    not(Filter::Or {
        any: holds,
        at_least: 1,
    })
}

/// Returns the conditions of a job without a filter, less the held memories.
fn free(holds: Vec<Filter>) -> Conditions {
    query(Filter::All.and(unheld(holds)))
}

/// Looks memories up and deletes them under these conditions. Returns the deleted ones, which both must agree on.
async fn deleted(table: &SqlTable, ids: &[&str], conditions: &Conditions) -> Vec<String> {
    let items = items(ids, conditions);
    let found = table.find(&items).await.unwrap();
    let deleted = table.delete(&items).await.unwrap().deleted;
    for ((id, found), deleted) in ids.iter().zip(&found).zip(&deleted) {
        assert_eq!(*found == Matching, *deleted, "{id}: {found:?}");
        assert_ne!(*found, Absent, "{id}");
    }
    let gone = ids.iter().zip(deleted).filter(|(_, deleted)| *deleted);
    gone.map(|(id, _)| (*id).to_owned()).collect()
}

async fn a_held_row_stays_in_every_way_of_deleting(database: Database) {
    database.memories("TEXT").await;
    database.run("CREATE TABLE chunks (memory_id TEXT NOT NULL)").await;
    let rows = [
        ("1", "alice", "w"),
        ("2", "alice", "w"),
        ("3", "bob", "w"),
        ("4", "alice", "v"),
    ];
    let holds = || vec![Filter::Ids(vec!["2".to_owned()]), is("user_id", "bob")];
    for dependents in [json!([]), json!([{"table": "chunks", "references": "memory_id"}])] {
        let has_dependents = dependents != json!([]);
        let opened = database
            .open(&table(json!({
                "name": "memories",
                "columns": {"id": "id", "user": "user_id", "workspace": "workspace_id"},
                "dependents": dependents,
            })))
            .await;
        // The job's own filter, by place or by id, of one job or of several.
        for (own, by_place, alike) in [false, true].into_iter().flat_map(|own| {
            [
                (own, false, false),
                (own, false, true),
                (own, true, false),
                (own, true, true),
            ]
        }) {
            database
                .run("DELETE FROM memories; DELETE FROM chunks; INSERT INTO chunks VALUES ('1'), ('2'), ('3'), ('4')")
                .await;
            database.add(&rows).await;
            let filter = if own {
                is("workspace_id", "w").and(unheld(holds()))
            } else {
                Filter::All.and(unheld(holds()))
            };
            let narrowed = Arc::new(Query {
                filter: filter.into(),
                start: None,
            });
            let item = |(id, user, _): &(&str, &str, &str)| {
                let conditions = if alike { Conditions::default() } else { of_user(user) };
                let query = Some(Arc::clone(&narrowed));
                Item::new(*id, &Conditions { query, ..conditions })
            };
            let mut items: Vec<Item> = rows.iter().map(item).collect();
            let found = opened.find_rows(&items).await.unwrap();
            for (item, (_, seen)) in items.iter_mut().zip(&found) {
                item.place = seen.place.clone().filter(|_| by_place);
            }

            let deleted = opened.delete(&items).await.unwrap().deleted;

            let (goes, left) = if own {
                ([true, false, false, false], vec!["2", "3", "4"])
            } else {
                ([true, false, false, true], vec!["2", "3"])
            };
            let about = format!("dependents {has_dependents}, own {own}, by place {by_place}, alike {alike}");
            let matching: Vec<bool> = found.iter().map(|(found, _)| *found == Matching).collect();
            assert_eq!((matching, &deleted), (goes.to_vec(), &goes.to_vec()), "{about}");
            assert_eq!(database.left("memories", "id").await, left, "{about}");
            let chunks = if has_dependents { left } else { vec!["1", "2", "3", "4"] };
            assert_eq!(database.left("chunks", "memory_id").await, chunks, "{about}");
        }
    }
}

async fn a_hold_of_every_kind_keeps_its_rows(database: Database) {
    const ROWS: &str = r#"INSERT INTO notes (id, owner, n, f, flag, u, meta, made) VALUES
        ('1', 'ana', 1, 0.5, TRUE, '0190a0a0-0000-7000-8000-00000000000a', '{"topics": ["tax", "work"]}', 5),
        ('2', 'ben', 2, 1.5, FALSE, '0190a0a0-0000-7000-8000-00000000000b', '{"topics": "play"}', 6),
        ('3', NULL, NULL, NULL, NULL, NULL, NULL, NULL)"#;
    let opened = database.open(&notes(&database).await).await;
    let up_to = |bound: i64| Filter::Range {
        path: path(&["made"]),
        bounds: Bounds {
            lte: Some(Scalar::Integer(bound)),
            ..Bounds::default()
        },
    };
    let topic = Filter::OneOf {
        path: path(&["meta", "topics"]),
        values: vec!["tax".into()],
    };
    let begins = Filter::Text {
        path: path(&["owner"]),
        has: Has::Prefix,
        text: "a".to_owned(),
    };
    for (hold, goes) in [
        (is("owner", "ana"), vec!["2", "3"]),
        (one_of("owner", vec!["eve".into(), "ben".into()]), vec!["1", "3"]),
        (is("n", Scalar::Integer(1)), vec!["2", "3"]),
        (is("f", Scalar::Float(0.5)), vec!["2", "3"]),
        (is("flag", Scalar::Bool(true)), vec!["2", "3"]),
        (is("u", "0190a0a0-0000-7000-8000-00000000000a"), vec!["2", "3"]),
        (up_to(5), vec!["2", "3"]),
        (not(up_to(5)), vec!["1"]),
        (topic, vec!["2", "3"]),
        (begins, vec!["2", "3"]),
        (Filter::Exists(path(&["owner"])), vec!["3"]),
        (Filter::Ids(vec!["1".to_owned(), "9".to_owned()]), vec!["2", "3"]),
        (Filter::Nothing, vec!["1", "2", "3"]),
        (Filter::All, vec![]),
    ] {
        database.run("DELETE FROM notes").await;
        database.run(ROWS).await;
        let written = serde_json::to_string(&hold).unwrap();
        let conditions = free(vec![hold, Filter::Nothing]);
        assert_eq!(opened.count(&conditions).await.unwrap(), goes.len() as u64, "{written}");
        assert_eq!(deleted(&opened, &["1", "2", "3"], &conditions).await, goes, "{written}");
    }
}

async fn a_row_stays_if_nothing_says_whether_it_is_held(database: Database) {
    database
        .run(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE memories (id TEXT PRIMARY KEY, user_id INTEGER);
             INSERT INTO users VALUES (1, 'ana'), (2, 'ben');
             INSERT INTO memories VALUES ('1', 1), ('2', 2), ('3', 99), ('4', NULL)",
        )
        .await;
    let owners = json!({"table": "users", "id": "id", "name": "name"});
    let columns = json!({"id": "id", "user": "user_id", "owners": owners});
    let opened = database
        .open(&table(json!({"name": "memories", "columns": columns})))
        .await;

    let conditions = free(vec![is("users.name", "ana")]);

    // The owner of the third row has just gone, and may have been the held person.
    assert_eq!(deleted(&opened, &["1", "2", "3", "4"], &conditions).await, ["2", "4"]);
    assert_eq!(database.left("memories", "id").await, ["1", "3"]);
}

async fn a_hold_by_two_times_keeps_what_is_no_time(database: Database) {
    database
        .run("CREATE TABLE notes (id TEXT PRIMARY KEY, made TEXT, seen TEXT)")
        .await;
    let rows = "INSERT INTO notes VALUES ('1', '2025-03-01T00:00:00Z', '2020-01-01'), ('2', '2023-03-01', NULL),
        ('3', NULL, NULL), ('4', 'soon', NULL), ('5', '2023-03-01', '2025-03-01 09:00:00'), ('6', NULL, '31/01/2020'),
        ('7', '2024-12-31T23:59:59Z', '2023-01-01'), ('8', '2025-01-01T00:30:00+01:00', '2023-01-01')";
    let columns = json!({"id": "id", "created_at": "made", "updated_at": "seen"});
    let since = |column: &str| Filter::Range {
        path: Path::column(column),
        bounds: Bounds {
            gte: Some(Scalar::from("2025-01-01T00:00:00Z")),
            ..Bounds::default()
        },
    };
    let all = ["1", "2", "3", "4", "5", "6", "7", "8"];
    for (holds, goes) in [
        // Either time, as one hold or as two.
        (
            vec![Filter::Or {
                any: vec![since("made"), since("seen")],
                at_least: 1,
            }],
            vec!["2", "3", "7", "8"],
        ),
        (vec![since("made"), since("seen")], vec!["2", "3", "7", "8"]),
        // Both times: a row without one of them does not match.
        (
            vec![since("made").and(since("seen"))],
            vec!["1", "2", "3", "4", "5", "6", "7", "8"],
        ),
        // Not since then: a row without a time matches.
        (vec![not(since("made"))], vec!["1"]),
    ] {
        database.run("DELETE FROM notes").await;
        database.run(rows).await;
        let opened = database
            .open(&table(json!({"name": "notes", "columns": columns})))
            .await;
        let written = serde_json::to_string(&holds).unwrap();
        assert_eq!(deleted(&opened, &all, &free(holds)).await, goes, "{written}");
    }
}

async fn wide_holds_are_one_statement(database: Database) {
    database.memories("TEXT").await;
    database
        .add(&[
            ("m9999", "x", "w"),
            ("m10001", "p999", "w"),
            ("m10002", "p1000", "w"),
            ("m10003", "x", "w7"),
        ])
        .await;
    let opened = database.open(&super::harness::mapping()).await;
    let mut holds = vec![
        Filter::Ids((0..10_000).map(|n| format!("m{n}")).collect()),
        one_of("user_id", (0..1_000).map(|n| Scalar::Text(format!("p{n}"))).collect()),
    ];
    holds.extend((0..100).map(|n| is("workspace_id", Scalar::Text(format!("w{n}")))));

    let ids = ["m9999", "m10001", "m10002", "m10003"];
    assert_eq!(deleted(&opened, &ids, &free(holds)).await, ["m10002"]);
    assert_eq!(database.left("memories", "id").await, ["m10001", "m10003", "m9999"]);
}

/// No collation makes a hold narrower or wider: it keeps the rows whose bytes it names.
#[tokio::test]
async fn no_collation_changes_a_hold() {
    for collation in super::mysql::COLLATIONS {
        let database = Database::mysql().await;
        database
            .run(&format!(
                "CREATE TABLE memories (id VARCHAR(64) {collation} PRIMARY KEY, user_id VARCHAR(64) {collation},
                                        workspace_id VARCHAR(64) {collation}, body TEXT);
                 INSERT INTO memories VALUES ('abc', 'alice', 'w', ''), ('b', 'ALICE', 'w', ''), ('c', 'alice ', 'w', ''),
                                             ('é', 'bob', 'w', ''), ('?', 'bob', 'W', ''), ('z', NULL, 'w', '')"
            ))
            .await;
        let opened = database.open(&super::harness::mapping()).await;
        let ids = ["abc", "b", "c", "é", "?", "z"];
        let named = |names: &[&str]| Filter::Ids(names.iter().map(|name| (*name).to_owned()).collect());
        for (hold, kept) in [
            (is("user_id", "alice"), vec!["abc"]),
            (one_of("user_id", vec!["Alice".into(), "ALICE".into()]), vec!["b"]),
            (named(&["ABC", "abc ", "e", "🦀"]), vec![]),
            (named(&["abc", "é"]), vec!["abc", "é"]),
            (is("workspace_id", "W"), vec!["?"]),
            (is("user_id", "🦀"), vec![]),
        ] {
            let written = serde_json::to_string(&hold).unwrap();
            let found = opened.find(&items(&ids, &free(vec![hold]))).await.unwrap();
            let expected = ids.map(|id| if kept.contains(&id) { Other } else { Matching });
            assert_eq!(found, expected, "{written} {collation}");
        }
        let held = free(vec![is("user_id", "alice"), named(&["é"])]);
        assert_eq!(deleted(&opened, &ids, &held).await, ["b", "c", "?", "z"], "{collation}");
        assert_eq!(database.left("memories", "id").await, ["abc", "é"], "{collation}");
    }
}
