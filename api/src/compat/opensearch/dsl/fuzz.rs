//! Random queries.
//!
//! An accepted query becomes a filter that passes the checks and is the same after the ledger has kept it. It matches
//! every memory only with `match_all` in it. Every condition can match in a column of its type: a condition that never
//! matches would keep nothing under `must_not`.

mod matching;

use std::sync::LazyLock;

use jiff::Timestamp;
use lethe_common::config::{Config, Table};
use lethe_common::filter::{Filter, Type, Unit};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::read;
use super::tests::{CONFIG, COUNTED, POINTS};
use crate::http::problem::Kind;

/// The number of queries, which take about a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 1_024;

const FIELDS: &[&str] = &[
    "owner_id",
    "memory_type",
    "created_time",
    "namespace",
    "namespace.user_id",
    "tags",
    "tags.color",
    "size",
    "_id",
    "memory_container_id",
    "none",
    "",
];

const TEXTS: &[&str] = &[
    "ana",
    "main",
    "7",
    "-3",
    "5.0",
    "007",
    "true",
    "an*",
    "*n*",
    "*",
    "a?",
    "2024",
    "2024-01",
    "2024-01-31",
    "2024-01-31 15:00",
    "2024-01-31T10:00:00Z",
    "2024-01-31T10:00:00.5+01:00",
    "2024-01-31||+1M/d",
    "now-90d/d",
    "now+",
    "0190a0a0-0000-7000-8000-00000000000A",
    "0a0F",
    "a\0",
];

const FORMATS: &[&str] = &[
    "epoch_millis",
    "epoch_second",
    "strict_date_optional_time",
    "strict_date_time||epoch_millis",
    "x",
];

const ZONES: &[&str] = &["+01:00", "-0330", "Europe/Paris", "Z", "x"];

const NAMES: &[&str] = &[
    "term",
    "match",
    "match_phrase",
    "prefix",
    "wildcard",
    "terms",
    "exists",
    "ids",
    "fuzzy",
];

/// Years, seconds and milliseconds since 1970.
const NUMBERS: &[i64] = &[1_000, 2_024, 1_700_000_000, 1_700_000_000_000];

const COMPARISONS: &[&str] = &["gt", "gte", "lt", "lte"];

const ALL: &[&str] = &["match_all", "match_none"];

/// The types of columns.
const TYPES: &[Type] = &[
    Type::Text,
    Type::Uuid,
    Type::Bytes { uuids: false },
    Type::Bytes { uuids: true },
    Type::Integer(64),
    Type::Float,
    Type::Number,
    Type::Bool,
    Type::Time,
    Type::Counted(Unit::Seconds),
    Type::Counted(Unit::Milliseconds),
    Type::Json,
    Type::Any,
];

/// The columns that have one of these types. The others hold JSON.
const COLUMNS: &[&str] = &["user_id", "kind", "created_at", "size"];

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let table = |config: &str| Config::from_toml(config).unwrap().targets.remove(0).tables.remove(0);
    [CONFIG, POINTS, COUNTED].map(table).into()
});

fn now() -> Timestamp {
    "2024-03-31T10:20:30.456Z".parse().unwrap()
}

/// Returns values of every type. A number with a fraction equals no whole number, so there is none.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => select(TEXTS).prop_map(Value::from),
        3 => (-3..9_i64).prop_map(Value::from),
        1 => select(NUMBERS).prop_map(Value::from),
        1 => (-3..9_i32).prop_map(|number| json!(f64::from(number))),
        1 => any::<bool>().prop_map(Value::from),
    ]
}

/// Returns values that no query takes.
fn junk() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"value": ["a"]})),
        Just(json!(u64::MAX)),
        value(),
    ]
}

/// Returns an object of the fields that are given.
fn object(fields: Vec<(&str, Option<Value>)>) -> Value {
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}

/// Returns ranges with one bound. Two bounds can exclude each other.
fn range() -> impl Strategy<Value = Value> {
    let format = option::weighted(0.3, select(FORMATS).prop_map(Value::from));
    let zone = option::weighted(0.2, select(ZONES).prop_map(Value::from));
    let bound = (select(COMPARISONS), value());
    (select(FIELDS), bound, format, zone).prop_map(|(field, (comparison, value), format, zone)| {
        let bounds = object(vec![(comparison, Some(value)), ("format", format), ("time_zone", zone)]);
        json!({"range": {field: bounds}})
    })
}

fn query() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => (select(FIELDS), value()).prop_map(|(field, value)| json!({"term": {field: value}})),
        3 => (select(FIELDS), vec(value(), 0..3)).prop_map(|(field, values)| json!({"terms": {field: values}})),
        4 => range(),
        3 => (select(&NAMES[1..5]), select(FIELDS), select(TEXTS))
            .prop_map(|(name, field, text)| json!({name: {field: text}})),
        1 => select(FIELDS).prop_map(|field| json!({"exists": {"field": field}})),
        1 => vec(value(), 0..3).prop_map(|values| json!({"ids": {"values": values}})),
        1 => select(ALL).prop_map(|name| json!({name: {}})),
        1 => (select(NAMES), select(FIELDS), junk()).prop_map(|(name, field, junk)| json!({name: {field: junk}})),
        1 => (select(NAMES), junk()).prop_map(|(name, junk)| json!({name: junk})),
    ];
    leaf.prop_recursive(4, 20, 3, |inner| {
        let clauses = || option::of(vec(inner.clone(), 0..3).prop_map(Value::from));
        let needed = option::weighted(0.2, (0..3_u64).prop_map(Value::from));
        let parts = (clauses(), clauses(), clauses(), clauses(), needed);
        prop_oneof![
            6 => parts.prop_map(|(must, filter, should, must_not, needed)| json!({"bool": object(vec![
                ("must", must),
                ("filter", filter),
                ("should", should),
                ("must_not", must_not),
                ("minimum_should_match", needed),
            ])})),
            1 => (select(FIELDS), inner.clone())
                .prop_map(|(path, query)| json!({"nested": {"path": path, "query": query}})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn an_accepted_query_is_kept_as_it_is_and_means_no_more_than_it_says(query in query()) {
        for table in TABLES.iter() {
            let filter = match read(&query, table, "main", now()) {
                Ok(filter) => filter,
                Err(problem) => {
                    prop_assert_eq!(problem.kind, Kind::BadQuery);
                    continue;
                }
            };
            prop_assert_eq!(filter.check(), Ok(()));
            prop_assert!(table.columns.is_some() || filter.check_points().is_ok());
            prop_assert!(filter.constant() != Some(true) || query.to_string().contains("\"match_all\""));
            let kept = serde_json::to_string(&filter).unwrap();
            prop_assert!(serde_json::from_str::<Filter>(&kept).unwrap() == filter, "{}", kept);
        }
    }

    #[test]
    fn every_condition_of_an_accepted_query_can_match_in_its_column(
        query in query(),
        of in vec(select(TYPES), COLUMNS.len()),
    ) {
        let types = |column: &str| COLUMNS.iter().position(|name| *name == column).map_or(Type::Json, |n| of[n]);
        for table in [&TABLES[0], &TABLES[2]] {
            let Ok(filter) = read(&query, table, "main", now()) else { continue };
            if filter.check_types(&types).is_ok() {
                let never = matching::never(&filter, &types);
                prop_assert!(never.is_none(), "{:?} never matches: {} with {:?}", never, query, of);
            }
        }
    }
}
