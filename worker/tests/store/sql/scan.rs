//! Conditions that an index serves, and conditions that need a full scan.

use lethe_common::config::Table;
use lethe_common::filter::{Bounds, Filter, Has, Scalar};
use lethe_common::job::Field;
use lethe_worker::store::Conditions;
use serde_json::json;

use super::filter::{not, path, query};
use super::harness::{Database, table};

super::on_each! {
    an_index_on_what_is_asked_for_saves_looking_at_every_row,
    what_an_index_does_not_help_with_is_a_scan,
    one_index_is_enough_where_all_must_hold_and_not_where_one_may,
    all_that_is_there_is_no_scan_in_vain,
    owners_are_found_by_an_index_if_there_is_one,
}

async fn memories(database: &Database) -> Table {
    database
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, kind TEXT, workspace_id TEXT, at BIGINT, facts TEXT);
             CREATE INDEX memories_user ON memories (user_id, kind); CREATE INDEX memories_at ON memories (at);
             CREATE INDEX memories_facts ON memories (facts)",
        )
        .await;
    let mapping = json!({"name": "memories",
        "columns": {"id": "id", "user": "user_id", "kind": "kind", "workspace": "workspace_id", "created_at": "at"},
        "fields": {"facts": "facts"}});
    table(mapping)
}

fn eq(name: &str, value: impl Into<Scalar>) -> Filter {
    Filter::OneOf {
        path: path(&[name]),
        values: vec![value.into()],
    }
}

fn before(name: &str, bound: i64) -> Filter {
    Filter::Range {
        path: path(&[name]),
        bounds: Bounds {
            lt: Some(Scalar::Integer(bound)),
            ..Bounds::default()
        },
    }
}

fn or<const N: usize>(any: [Filter; N], at_least: u32) -> Filter {
    Filter::Or {
        any: any.into(),
        at_least,
    }
}

async fn are(database: &Database, scans: bool, filters: impl IntoIterator<Item = Filter>) {
    let table = database.open(&memories(database).await).await;
    for (n, filter) in filters.into_iter().enumerate() {
        assert_eq!(table.is_full_scan(&query(filter)), scans, "filter {n}");
    }
}

async fn an_index_on_what_is_asked_for_saves_looking_at_every_row(database: Database) {
    let two = Filter::OneOf {
        path: path(&["user_id"]),
        values: vec!["ana".into(), "bob".into()],
    };
    let filters = [
        eq("user_id", "ana"),
        two,
        before("at", 5),
        eq("id", Scalar::Integer(7)),
        Filter::Ids(vec!["7".into()]),
    ];
    are(&database, false, filters).await;
}

async fn what_an_index_does_not_help_with_is_a_scan(database: Database) {
    let text = Filter::Text {
        path: path(&["facts"]),
        has: Has::Part,
        text: "sea".to_owned(),
    };
    let filters = [
        eq("kind", "note"),
        eq("workspace_id", "acme"),
        text,
        Filter::Exists(path(&["user_id"])),
        not(eq("user_id", "ana")),
    ];
    are(&database, true, filters).await;
}

async fn one_index_is_enough_where_all_must_hold_and_not_where_one_may(database: Database) {
    let (indexed, not_indexed) = (|| eq("user_id", "ana"), || eq("kind", "note"));
    let opened = database.open(&memories(&database).await).await;
    for (filter, scans) in [
        (Filter::And(vec![not_indexed(), indexed()]), false),
        (Filter::And(vec![not_indexed(), Filter::All]), true),
        (or([indexed(), before("at", 5)], 1), false),
        (or([indexed(), not_indexed()], 1), true),
        // The statement counts how many conditions hold.
        (or([indexed(), before("at", 5), eq("id", Scalar::Integer(1))], 2), true),
        (
            Filter::And(vec![or([indexed(), not_indexed()], 1), before("at", 5)]),
            false,
        ),
    ] {
        assert_eq!(opened.is_full_scan(&query(filter)), scans);
    }
}

async fn all_that_is_there_is_no_scan_in_vain(database: Database) {
    let filters = [
        Filter::All,
        Filter::Nothing,
        not(Filter::Nothing),
        Filter::And(vec![Filter::Nothing, eq("kind", "note")]),
        or([Filter::All, eq("kind", "note")], 1),
    ];
    are(&database, false, filters).await;
}

async fn owners_are_found_by_an_index_if_there_is_one(database: Database) {
    let opened = database.open(&memories(&database).await).await;
    let of = |fields: &[(Field, &str)]| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(field, value)| (*field, (*value).to_owned()))
            .collect();
        Conditions::of(fields)
    };
    assert!(!opened.is_full_scan(&of(&[(Field::User, "ana")])));
    assert!(opened.is_full_scan(&of(&[(Field::Workspace, "acme")])));
    assert!(!opened.is_full_scan(&of(&[(Field::Workspace, "acme"), (Field::User, "ana")])));
    let both = Conditions {
        fields: of(&[(Field::User, "ana")]).fields,
        ..query(eq("kind", "note"))
    };
    assert!(!opened.is_full_scan(&both));
}
