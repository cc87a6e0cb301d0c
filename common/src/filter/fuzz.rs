//! Random filters, as the ledger keeps them.
//!
//! A filter that is written is read as the same filter: another number or text would select other memories. A damaged
//! text is refused, or is read as a filter that is written and read alike. A filter that counts as constant has this
//! result for every row.

use proptest::collection::vec;
use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::{Bounds, Filter, Has, Path, Scalar, Type, Unit};
use crate::damage::damage;

/// The number of filters, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 2_048;

/// Texts that columns of some types read in another way.
const TEXTS: &[&str] = &[
    "ana",
    "",
    "7",
    "-0",
    "1e3",
    "true",
    "null",
    "[1]",
    "a\0",
    "é",
    "now",
    "2024-01-31",
    "2024-01-31 15:00",
    "2024-01-31T15:00:00.5+01:00",
    "0190a0a0-0000-7000-8000-00000000000A",
    "00fF",
];

const COLUMNS: &[&str] = &["a", "b", "a.b", ""];

const TYPES: &[Type] = &[
    Type::Text,
    Type::Uuid,
    Type::Bytes { uuids: false },
    Type::Bytes { uuids: true },
    Type::Integer(16),
    Type::Integer(32),
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

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(TEXTS).prop_map(str::to_owned),
        1 => vec(any::<char>(), 0..8).prop_map(|characters| characters.into_iter().collect::<String>()),
    ]
}

fn float() -> impl Strategy<Value = f64> {
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        3 => text().prop_map(Scalar::Text),
        2 => (-3..4_i64).prop_map(Scalar::Integer),
        1 => any::<i64>().prop_map(Scalar::Integer),
        2 => float().prop_map(Scalar::Float),
        1 => any::<bool>().prop_map(Scalar::Bool),
    ]
}

fn path() -> impl Strategy<Value = Path> {
    (select(COLUMNS), vec(text(), 0..3)).prop_map(|(column, steps)| Path {
        column: column.to_owned(),
        steps,
    })
}

fn plain_bounds() -> impl Strategy<Value = Bounds> {
    let bound = || option::of(scalar());
    (bound(), bound(), bound(), bound(), any::<bool>()).prop_map(|(gt, gte, lt, lte, loose)| Bounds {
        gt,
        gte,
        lt,
        lte,
        loose,
        moments: None,
    })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (plain_bounds(), option::of(plain_bounds())).prop_map(|(bounds, moments)| Bounds {
        moments: moments.map(Box::new),
        ..bounds
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        Just(Filter::All),
        Just(Filter::Nothing),
        vec(text(), 0..3).prop_map(Filter::Ids),
        (path(), vec(scalar(), 1..3)).prop_map(|(path, values)| Filter::OneOf { path, values }),
        (path(), bounds()).prop_map(|(path, bounds)| Filter::Range { path, bounds }),
        (path(), any::<bool>(), text()).prop_map(|(path, begins, text)| {
            let has = if begins { Has::Prefix } else { Has::Part };
            Filter::Text { path, has, text }
        }),
        path().prop_map(Filter::Exists),
        path().prop_map(Filter::Opaque),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Filter::And),
            (vec(inner.clone(), 0..3), 0..4_u32).prop_map(|(any, at_least)| Filter::Or { any, at_least }),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

/// Returns filters as texts: `Debug` shows nothing of a filter.
fn written() -> impl Strategy<Value = String> {
    filter().prop_map(|filter| serde_json::to_string(&filter).unwrap())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        float().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((text(), inner), 0..3).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn row() -> impl Strategy<Value = Map<String, Value>> {
    vec((select(COLUMNS), json()), 0..4).prop_map(|columns| {
        let columns = columns.into_iter().map(|(name, value)| (name.to_owned(), value));
        columns.collect::<Map<_, _>>()
    })
}

#[test]
fn a_number_is_read_exactly() {
    // A faster parser takes this for the next number, and a bound would let that one through.
    for text in [
        "0.9452706955539223",
        "992735407.5037621",
        "5e-324",
        "-1.7976931348623157e308",
    ] {
        let number: f64 = text.parse().unwrap();
        let read: Scalar = serde_json::from_str(text).unwrap();
        assert!(read == Scalar::Float(number), "{text}");
        assert_eq!(serde_json::to_string(&read).unwrap().parse(), Ok(number), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_filter_that_is_written_is_read_as_the_same_one(text in written()) {
        let filter: Filter = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&filter).unwrap(), text);
    }

    #[test]
    fn a_damaged_filter_is_refused_or_read_and_written_alike(text in written(), damage in damage()) {
        let text = damage.of(&text);
        if let Ok(filter) = serde_json::from_str::<Filter>(&text) {
            let again = serde_json::to_string(&filter).unwrap();
            prop_assert!(serde_json::from_str::<Filter>(&again).unwrap() == filter, "{}", again);
        }
    }

    #[test]
    fn a_constant_filter_has_the_same_result_for_every_row(
        text in written(),
        of in vec(select(TYPES), COLUMNS.len()),
        ids in select(TYPES),
        id in self::text(),
        row in row(),
    ) {
        let filter: Filter = serde_json::from_str(&text).unwrap();
        let types = |name: &str| of[COLUMNS.iter().position(|column| *column == name).unwrap()];
        let matches = filter.matcher(ids, &types).matches(&id, &row);
        if let Some(constant) = filter.constant() {
            prop_assert_eq!(matches, constant);
        }
        // A job deletes what these checks let through.
        let is_accepted = filter.check().is_ok();
        let is_typed = filter.check_types(&types).is_ok() && filter.check_points().is_ok();
        if is_accepted && is_typed && !filter.says_all() {
            prop_assert_ne!(filter.constant(), Some(true));
        }
    }
}
