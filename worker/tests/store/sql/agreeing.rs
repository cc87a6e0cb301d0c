//! Every database agrees with the plain evaluator: random rows, random filters.

use lethe_common::filter::{Bounds, Filter, Has, Path, Scalar, Type};
use lethe_worker::store::StoreError;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use super::filter::{notes, path, query};
use super::harness::Database;
use crate::random::{self, combined, nested};

super::on_each! {
    every_database_agrees_with_the_evaluator,
}

const TEXTS: [&str; 10] = [
    "",
    "a",
    "A",
    "ab",
    "é",
    "7",
    "it's",
    "\"",
    "a b",
    "0190a0a0-0000-7000-8000-00000000000a",
];
const WHOLE: [i64; 8] = [-1, 0, 1, 7, 70_000, 9_007_199_254_740_993, i64::MAX, i64::MIN];
const FLOATS: [f64; 6] = [-1.5, 0.0, 0.5, 7.0, 9_007_199_254_740_992.0, 1e300];
const NAMES: [&str; 4] = ["a", "b", "x.y", "it's \"it\""];

fn scalar() -> impl Strategy<Value = Scalar> + Clone {
    random::scalar(&TEXTS, &WHOLE, &FLOATS)
}

fn inside() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        6 => scalar().prop_map(|scalar| serde_json::to_value(scalar).unwrap()),
    ];
    nested(leaf, &NAMES)
}

fn asked() -> impl Strategy<Value = Path> {
    let columns = prop::sample::select(vec!["owner", "n", "f", "flag", "u"]).prop_map(Path::column);
    let steps = prop::collection::vec(prop::sample::select(&NAMES[..]), 0..3);
    let json = (prop::sample::select(vec!["meta", "raw"]), steps).prop_map(|(column, steps)| {
        let mut names = vec![column];
        names.extend(steps);
        // The whole column is a text in SQLite.
        if names == ["raw"] {
            names.push("a");
        }
        path(&names)
    });
    prop_oneof![columns, json]
}

/// Values that a column could hold, and sometimes one that it could not.
fn values(path: &Path) -> BoxedStrategy<Scalar> {
    let texts = || prop::sample::select(&TEXTS[..]).prop_map(Scalar::from);
    let fitting = match path.column.as_str() {
        "n" | "f" => prop_oneof![9 => numbers(), 1 => Just(Scalar::from("7"))].boxed(),
        "flag" => prop_oneof![any::<bool>().prop_map(Scalar::Bool), Just(Scalar::from("true"))].boxed(),
        "u" => Just(Scalar::from(TEXTS[9])).boxed(),
        "owner" => prop_oneof![6 => texts(), 1 => Just(Scalar::Integer(7)), 1 => Just(Scalar::Bool(true))].boxed(),
        _ => scalar().boxed(),
    };
    prop_oneof![60 => fitting, 1 => scalar()].boxed()
}

fn numbers() -> impl Strategy<Value = Scalar> + Clone {
    prop_oneof![
        prop::sample::select(&WHOLE[..]).prop_map(Scalar::Integer),
        prop::sample::select(&FLOATS[..]).prop_map(Scalar::Float),
    ]
}

fn one_of() -> impl Strategy<Value = Filter> {
    asked().prop_flat_map(|path| {
        let values = prop::collection::vec(values(&path), 0..4);
        (Just(path), values).prop_map(|(path, values)| Filter::OneOf { path, values })
    })
}

/// Bounds of one type, mostly the column's.
fn range() -> impl Strategy<Value = Filter> {
    let of = |bounds: BoxedStrategy<Scalar>| {
        let bound = || prop::option::of(bounds.clone());
        (bound(), bound(), bound(), bound()).prop_map(|(gt, gte, lt, lte)| Bounds {
            gt,
            gte,
            lt,
            lte,
            ..Bounds::default()
        })
    };
    let texts = || prop::sample::select(&TEXTS[..]).prop_map(Scalar::from);
    asked().prop_flat_map(move |path| {
        let (as_numbers, as_texts) = match path.column.as_str() {
            "n" | "f" => (60, 1),
            "owner" => (1, 60),
            _ => (1, 1),
        };
        let bounds = prop_oneof![
            as_numbers => of(numbers().boxed()),
            as_texts => of(texts().boxed()),
        ];
        (Just(path), bounds).prop_map(|(path, bounds)| Filter::Range { path, bounds })
    })
}

fn text() -> impl Strategy<Value = Filter> {
    let owner = Just(Path::column("owner"));
    let texts = prop::sample::select(vec!["a", "A", "7", "0", "é", "it", "\"", " b"]);
    (prop_oneof![6 => owner, 1 => asked()], texts, any::<bool>()).prop_map(|(path, text, begins)| Filter::Text {
        path,
        has: if begins { Has::Prefix } else { Has::Part },
        text: text.to_owned(),
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        1 => Just(Filter::All),
        1 => Just(Filter::Nothing),
        8 => one_of(),
        6 => range(),
        4 => text(),
        3 => asked().prop_map(Filter::Exists),
        2 => asked().prop_map(Filter::Opaque),
        1 => prop::collection::vec((0..20_u8).prop_map(|n| n.to_string()), 0..5).prop_map(Filter::Ids),
    ];
    combined(leaf)
}

/// The columns of a row, as JSON. `raw` is a text that some databases do not accept as JSON.
fn row() -> impl Strategy<Value = Map<String, Value>> {
    let or_null = |strategy: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 4 => strategy];
    (
        or_null(prop::sample::select(&TEXTS[..]).prop_map(Value::from).boxed()),
        or_null(prop::sample::select(&WHOLE[..5]).prop_map(Value::from).boxed()),
        or_null(prop::sample::select(&FLOATS[..]).prop_map(Value::from).boxed()),
        or_null(any::<bool>().prop_map(Value::from).boxed()),
        or_null(Just(Value::from(TEXTS[9])).boxed()),
        or_null(inside().boxed()),
        prop_oneof![
            6 => inside().prop_map(|value| value.to_string()),
            1 => Just("{\"a\": \"\\u0000\"}".to_owned()),
            1 => Just("{\"a\": [\"\\ud800\", \"a\"]}".to_owned()),
            1 => Just("{\"a\": [\"\\ud83d\\ude00\", \"a\", \"\\\\u0000\"]}".to_owned()),
            1 => Just("no JSON".to_owned()),
        ],
    )
        .prop_map(|(owner, n, f, flag, u, meta, raw)| {
            json!({"owner": owner, "n": n, "f": f, "flag": flag, "u": u, "meta": meta, "raw": raw})
                .as_object()
                .unwrap()
                .clone()
        })
}

/// Sets `raw` to the value that this database reads.
fn stored(database: &Database, row: &mut Map<String, Value>) {
    let text = row["raw"].as_str().unwrap().to_owned();
    let lenient = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    let parsed = serde_json::from_str::<Value>(&text).ok();
    let value = match (database.is_postgres(), parsed) {
        // PostgreSQL's json accepts texts that its jsonb refuses, but no invalid JSON.
        (true, Some(value)) if !text.contains("\"\\u0000") => value,
        // In the others, NUL is a character. In SQLite, half a surrogate pair is one too.
        (false, Some(value)) => value,
        (false, None) if lenient && database.is_sqlite() => json!({"a": ["\u{fffd}", "a"]}),
        (true, _) | (false, None) => Value::Null,
    };
    row.insert("raw".to_owned(), value);
}

async fn insert(database: &Database, rows: &[Map<String, Value>]) {
    let postgres = database.is_postgres();
    for (id, row) in rows.iter().enumerate() {
        let literal = |name: &str| match &row[name] {
            Value::Null => "NULL".to_owned(),
            Value::String(text) => format!("'{}'", text.replace('\'', "''")),
            Value::Bool(value) if database.is_sqlite() => i64::from(*value).to_string(),
            other => other.to_string(),
        };
        let quoted = |text: String| format!("'{}'", text.replace('\'', "''"));
        let meta = match &row["meta"] {
            Value::Null => "NULL".to_owned(),
            value => quoted(value.to_string()),
        };
        let raw = row["raw"].as_str().unwrap();
        // PostgreSQL's json refuses this text too.
        let raw = if postgres && raw == "no JSON" {
            "NULL".to_owned()
        } else {
            quoted(raw.to_owned())
        };
        database
            .run(&format!(
                "INSERT INTO notes (id, owner, n, f, flag, u, meta, raw) VALUES ('{id}', {}, {}, {}, {}, {}, {meta}, {raw})",
                literal("owner"),
                literal("n"),
                literal("f"),
                literal("flag"),
                literal("u"),
            ))
            .await;
    }
}

fn types(sqlite: bool) -> impl Fn(&str) -> Type {
    move |column| match column {
        "n" if sqlite => Type::Integer(64),
        "n" => Type::Integer(32),
        "f" if sqlite => Type::Number,
        "f" => Type::Float,
        "flag" => Type::Bool,
        "u" if !sqlite => Type::Uuid,
        "meta" | "raw" => Type::Json,
        _ => Type::Text,
    }
}

async fn every_database_agrees_with_the_evaluator(database: Database) {
    let sqlite = database.is_sqlite();
    let mapping = notes(&database).await;
    let table = database.open(&mapping).await;
    let mut runner = TestRunner::new(Config::default());
    let generate = |runner: &mut TestRunner| {
        let rows = prop::collection::vec(row(), 20).new_tree(runner).unwrap().current();
        let filters = prop::collection::vec(filter(), 40).new_tree(runner).unwrap().current();
        (rows, filters)
    };
    let (mut compared, mut some) = (0, 0);
    for _ in 0..25 {
        let (mut rows, filters) = generate(&mut runner);
        database.run("DELETE FROM notes").await;
        insert(&database, &rows).await;
        for row in &mut rows {
            stored(&database, row);
        }
        for filter in filters {
            let text = serde_json::to_string(&filter).unwrap();
            if filter.check().is_err() {
                continue;
            }
            let is_mistyped = filter.check_types(&types(sqlite)).is_err();
            let matcher = filter.matcher(Type::Text, &types(sqlite));
            let mut expected: Vec<String> = rows
                .iter()
                .enumerate()
                .map(|(id, row)| (id.to_string(), row))
                .filter(|(id, columns)| matcher.matches(id, columns))
                .map(|(id, _)| id)
                .collect();
            expected.sort();
            let page = match table.page(&query(filter.clone()), None, None, 1_000).await {
                Ok(page) => page,
                Err(StoreError::Misuse(..)) => {
                    assert_eq!(expected.len(), rows.len(), "refused: {text}");
                    continue;
                }
                Err(StoreError::Mistyped(_)) => {
                    assert!(is_mistyped, "refused: {text}");
                    continue;
                }
                Err(error) => panic!("{error}: {text}"),
            };
            assert!(!is_mistyped, "not refused: {text}");
            let mut ids = page;
            ids.sort();
            let odd: Vec<&Map<String, Value>> = (0..rows.len())
                .filter(|id| expected.contains(&id.to_string()) != ids.contains(&id.to_string()))
                .map(|id| &rows[id])
                .collect();
            assert!(odd.is_empty(), "{text}\n{odd:#?}");
            compared += 1;
            some += usize::from(!expected.is_empty() && expected.len() < rows.len());
        }
    }
    // Enough filters match some rows, and not all.
    assert!(some * 5 > compared, "{some} of {compared}");
}
