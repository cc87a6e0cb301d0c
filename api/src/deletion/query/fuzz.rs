//! Random filters of callers, and random bodies.
//!
//! A filter that is read is written and read as the same filter. What it becomes passes the checks, and is the same
//! after the ledger has kept it. No refusal repeats a value.

use std::sync::LazyLock;

use jiff::Timestamp;
use lethe_common::config::{Config, Table};
use lethe_common::filter::Filter;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{Query, read};
use crate::damage::damage;
use crate::http::json;
use crate::http::problem::Problem;

/// The number of filters, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 2_048;

/// A value that looks like a part of an error text.
const SECRET: &str = "s3cret, expected or `not`";

const FIELDS: &[&str] = &[
    "id",
    "user_id",
    "kind",
    "created_at",
    "size",
    "tags",
    "tags.color",
    "color.",
    "none",
    "",
];

const OPERATORS: &[&str] = &[
    "all", "and", "or", "not", "eq", "in", "range", "exists", "prefix", "contains", "EQ", "",
];

const BOUNDS: &[&str] = &["gt", "gte", "lt", "lte", "ago", "GT"];

const TEXTS: &[&str] = &[
    "ana",
    "7",
    "",
    "a\0",
    "90d",
    "2024-01-31",
    "2024-01-31T10:00:00+01:00",
    SECRET,
];

/// A table of rows, and a table that has only vectors.
const CONFIG: &str = r#"
    [[target]]
    name = "main"
    sql = { url = "sqlite://memories.sqlite" }
    vector = { url = "http://localhost:6334" }
    [[target.table]]
    name = "rows"
    columns = { id = "memory_id", user = "user_id", kind = "kind", created_at = "created_at" }
    fields = { tags = "meta.tags", size = "size" }
    [[target.table]]
    name = "points"
    fields = { tags = "meta.tags", size = "size" }
    collection = { name = "points", point = "uuid", payload = { user = "user_id", kind = "meta.kind" } }
"#;

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| Config::from_toml(CONFIG).unwrap().targets.remove(0).tables);

fn now() -> Timestamp {
    "2026-03-31T12:00:00.9Z".parse().unwrap()
}

fn term() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => select(TEXTS).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        2 => (-3..4_i64).prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        2 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => select(TEXTS).prop_map(|ago| json!({"ago": ago})),
        1 => select(TEXTS).prop_map(|ago| json!({"ago": ago, "as": "seconds"})),
        1 => Just(json!([SECRET])),
        1 => Just(Value::Null),
    ]
}

/// Returns mostly filters, and objects that are none.
fn query() -> impl Strategy<Value = Value> {
    let bounds = vec((select(BOUNDS), term()), 0..3).prop_map(|bounds| bounds.into_iter().collect::<Value>());
    let leaf = prop_oneof![
        1 => Just(json!({"all": true})),
        4 => (select(FIELDS), term()).prop_map(|(field, term)| json!({"eq": {field: term}})),
        3 => (select(FIELDS), vec(term(), 0..3)).prop_map(|(field, terms)| json!({"in": {field: terms}})),
        4 => (select(FIELDS), bounds).prop_map(|(field, bounds)| json!({"range": {field: bounds}})),
        1 => select(FIELDS).prop_map(|field| json!({"exists": field})),
        2 => (select(&OPERATORS[8..]), select(FIELDS), select(TEXTS))
            .prop_map(|(operator, field, text)| json!({operator: {field: text}})),
        1 => (select(OPERATORS), select(FIELDS), term())
            .prop_map(|(operator, field, term)| json!({operator: {field: term}})),
        1 => (select(OPERATORS), term()).prop_map(|(operator, term)| json!({operator: term})),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            4 => vec(inner.clone(), 0..3).prop_map(|parts| json!({"and": parts})),
            4 => vec(inner.clone(), 0..3).prop_map(|parts| json!({"or": parts})),
            4 => inner.clone().prop_map(|part| json!({"not": part})),
            1 => (select(OPERATORS), inner.clone(), inner)
                .prop_map(|(operator, one, other)| json!({"not": one, operator: other})),
        ]
    })
}

/// Returns the filter on a table that a body stands for.
fn filter(body: &str, table: &Table) -> Result<Filter, Problem> {
    read(json::read(body.as_bytes())?, table, now())
}

/// Checks the filters of a body. Returns the problems.
fn check(body: &str) -> Result<Vec<Problem>, TestCaseError> {
    let query: Query = match json::read(body.as_bytes()) {
        Ok(query) => query,
        Err(problem) => return Ok(vec![problem]),
    };
    let written = serde_json::to_string(&query).unwrap();
    let again: Query = json::read(written.as_bytes()).unwrap();
    prop_assert_eq!(serde_json::to_string(&again).unwrap(), written.as_str());
    let mut problems = Vec::new();
    for table in TABLES.iter() {
        let read = match filter(body, table) {
            Ok(read) => read,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        prop_assert!(filter(&written, table).unwrap() == read, "{}", written);
        prop_assert_eq!(read.check(), Ok(()));
        prop_assert!(table.columns.is_some() || read.check_points().is_ok());
        prop_assert!(
            read.constant() != Some(true) || written.contains("\"all\""),
            "{}",
            written
        );
        let kept = serde_json::to_string(&read).unwrap();
        prop_assert!(serde_json::from_str::<Filter>(&kept).unwrap() == read, "{}", kept);
    }
    Ok(problems)
}

#[test]
fn a_number_is_compared_as_it_was_sent() {
    // A faster parser takes the first number for the second.
    for number in ["0.9452706955539223", "0.9452706955539224"] {
        let filter = filter(&format!(r#"{{"range": {{"size": {{"lte": {number}}}}}}}"#), &TABLES[0]).unwrap();
        let kept = serde_json::to_string(&filter).unwrap();
        assert!(kept.contains(&format!("\"lte\":{number}}}")), "{kept}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_filter_is_written_as_it_was_read_and_no_refusal_repeats_a_value(query in query()) {
        for problem in check(&query.to_string())? {
            prop_assert!(!problem.detail.contains("s3cret"), "{}", problem.detail);
        }
    }

    #[test]
    fn a_damaged_body_is_refused_or_means_what_it_says(query in query(), damage in damage()) {
        let body = damage.of(&query.to_string());
        for problem in check(&body)? {
            prop_assert!(!problem.detail.is_empty(), "{}", body);
        }
    }
}
