//! Compiled filters agree with the plain evaluator: random payloads, random filters, random indexes.

use lethe_common::filter::{Bounds, Filter, Path, Scalar, Type};
use lethe_worker::store::vector::VectorCollection;
use lethe_worker::store::{Conditions, Query, StoreError};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use qdrant_client::qdrant::FieldType;
use serde_json::{Value, json};

use super::harness::{Vectors, num};
use crate::random::{self, combined, nested};

const TEXTS: [&str; 10] = [
    "",
    "a",
    "A",
    "é",
    "7",
    "a b",
    "true",
    "2024-01-02T03:04:05Z",
    "0190a0a0-0000-7000-8000-00000000000a",
    "0190A0A0-0000-7000-8000-00000000000A",
];
/// Numbers that filters may use, and numbers beside them.
const WHOLE: [i64; 6] = [-1, 0, 1, 7, 70_000, 9_007_199_254_740_991];
const FLOATS: [f64; 5] = [-1.5, -0.0, 0.5, 7.0, 6.999_999_999_999_999];
/// Numbers that only payloads hold.
const HUGE: [i64; 4] = [9_007_199_254_740_992, 9_007_199_254_740_993, i64::MAX, i64::MIN];
const NAMES: [&str; 3] = ["a", "b", "x.y"];
const COLUMNS: [&str; 3] = ["owner", "n", "meta"];
/// The fields of indexes.
const KEYS: [&str; 8] = [
    "owner",
    "n",
    "meta",
    "meta.a",
    "meta[].a",
    "meta.a.b",
    "n.\"x.y\"",
    "owner.a",
];
const KINDS: [FieldType; 7] = [
    FieldType::Keyword,
    FieldType::Integer,
    FieldType::Float,
    FieldType::Bool,
    FieldType::Text,
    FieldType::Datetime,
    FieldType::Uuid,
];

fn scalar() -> impl Strategy<Value = Scalar> + Clone {
    random::scalar(&TEXTS, &WHOLE, &FLOATS)
}

fn inside() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => Just(Value::Null),
        1 => prop::sample::select(&HUGE[..]).prop_map(Value::from),
        12 => scalar().prop_map(|scalar| serde_json::to_value(scalar).unwrap()),
    ];
    nested(leaf, &NAMES)
}

fn payload() -> impl Strategy<Value = Value> {
    let fields = prop::collection::btree_map(prop::sample::select(&COLUMNS[..]), inside(), 1..6);
    fields.prop_map(|fields| json!(fields))
}

fn asked() -> impl Strategy<Value = Path> {
    // Random payloads hold few values deep inside.
    let steps = |n| prop::collection::vec(prop::sample::select(&NAMES[..]), n);
    let steps = prop_oneof![4 => steps(0), 2 => steps(1), 1 => steps(2)];
    (prop::sample::select(&COLUMNS[..]), steps).prop_map(|(column, steps)| Path {
        column: column.to_owned(),
        steps: steps.into_iter().map(str::to_owned).collect(),
    })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let number = prop_oneof![
        prop::sample::select(&WHOLE[..]).prop_map(Scalar::Integer),
        prop::sample::select(&FLOATS[..]).prop_map(Scalar::Float),
    ];
    let bound = || prop::option::of(number.clone().boxed());
    (bound(), bound(), bound(), bound()).prop_map(|(gt, gte, lt, lte)| Bounds {
        gt,
        gte,
        lt,
        lte,
        ..Bounds::default()
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        1 => Just(Filter::All),
        1 => Just(Filter::Nothing),
        8 => (asked(), prop::collection::vec(scalar(), 0..4)).prop_map(|(path, values)| Filter::OneOf { path, values }),
        6 => (asked(), bounds()).prop_map(|(path, bounds)| Filter::Range { path, bounds }),
        4 => asked().prop_map(Filter::Exists),
        2 => asked().prop_map(Filter::Opaque),
        2 => prop::collection::vec((0..20_u8).prop_map(|n| n.to_string()), 0..5).prop_map(Filter::Ids),
    ];
    combined(leaf)
}

fn query(filter: &Filter) -> Conditions {
    Conditions::default().with_query(Query {
        filter: filter.clone().into(),
        start: None,
    })
}

fn expected(filter: &Filter, payloads: &[Value]) -> Vec<u64> {
    let matcher = filter.matcher(Type::Text, &|_| Type::Json);
    let met = |(id, columns): (usize, &Value)| {
        let is_met = matcher.matches(&id.to_string(), columns.as_object().unwrap());
        is_met.then_some(id as u64)
    };
    payloads.iter().enumerate().filter_map(met).collect()
}

/// Returns whether the store can evaluate a filter. It does not look inside objects.
fn is_said(filter: &Filter) -> bool {
    match filter {
        Filter::Exists(_) | Filter::Opaque(_) => false,
        Filter::And(parts) | Filter::Or { any: parts, .. } => parts.iter().all(is_said),
        Filter::Not(part) => is_said(part),
        _ => true,
    }
}

/// Compares the store with the evaluator. Returns the number of comparisons, and of results with some points only.
async fn compare(collection: &VectorCollection, payloads: &[Value], filters: &[Filter], exact: bool) -> (usize, usize) {
    let (mut compared, mut some) = (0, 0);
    for filter in filters.iter().filter(|filter| filter.check().is_ok()) {
        let text = serde_json::to_string(filter).unwrap();
        let expected: Vec<_> = expected(filter, payloads).into_iter().map(num).collect();
        let page = match collection.page_matching(&query(filter), None, 1_000).await {
            Ok((page, None)) => page,
            Err(StoreError::Misuse(..)) => panic!("refused: {text}"),
            other => panic!("{:?}: {text}", other.err()),
        };
        let found: Vec<_> = page.iter().map(|point| point.id).collect();
        let narrowed = collection.narrow(&query(filter)).await.unwrap();
        let numbers = |points: &[_]| serde_json::to_string(points).unwrap();
        assert!(
            found == expected,
            "{text}\n{} instead of {}\n{payloads:#?}",
            numbers(&found),
            numbers(&expected)
        );
        let narrows = if exact && is_said(filter) {
            narrowed == expected
        } else {
            expected.iter().all(|point| narrowed.contains(point))
        };
        assert!(
            narrows,
            "narrowed: {text}\n{} to {}",
            numbers(&narrowed),
            numbers(&expected)
        );
        compared += 1;
        some += usize::from(!expected.is_empty() && expected.len() < payloads.len());
    }
    (compared, some)
}

/// Compares many random filters over random payloads, in collections with or without indexes.
async fn agrees(collections: usize, indexes: impl Fn(&mut TestRunner) -> Vec<(String, FieldType)>) {
    let mut runner = TestRunner::new(Config::default());
    let (mut compared, mut some) = (0, 0);
    for _ in 0..collections {
        let payloads = prop::collection::vec(payload(), 20)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let filters = prop::collection::vec(filter(), 60)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let indexes = indexes(&mut runner);
        let vectors = Vectors::start().await;
        // Before and after the points, since the engine builds indexes in both ways.
        let (before, after) = indexes.split_at(indexes.len() / 2);
        for (key, kind) in before {
            vectors.index(key, *kind).await;
        }
        let points = (0_u64..).map(num).zip(payloads.iter().cloned());
        vectors.add(points).await;
        for (key, kind) in after {
            vectors.index(key, *kind).await;
        }
        let collection = vectors.open("number", json!({})).await;
        let counts = compare(&collection, &payloads, &filters, indexes.is_empty()).await;
        compared += counts.0;
        some += counts.1;
    }
    // Enough filters match some points, and not all.
    assert!(some * 10 > compared, "{some} of {compared}");
}

#[tokio::test]
async fn without_indexes_the_store_says_exactly_what_the_evaluator_says() {
    agrees(20, |_| Vec::new()).await;
}

#[tokio::test]
async fn whatever_the_indexes_the_points_are_those_of_the_evaluator() {
    agrees(20, |runner| {
        let one = (prop::sample::select(&KEYS[..]), prop::sample::select(&KINDS[..]));
        let some = prop::collection::vec(one, 3..8).new_tree(runner).unwrap().current();
        some.into_iter().map(|(key, kind)| (key.to_owned(), kind)).collect()
    })
    .await;
}
