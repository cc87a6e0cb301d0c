//! Whether the conditions of a filter can match, measured on rows with values like those of the filter.

use jiff::{SignedDuration, Timestamp};
use lethe_common::filter::{Bounds, Counted, Filter, Path, Scalar, Type, Unit};
use serde_json::{Map, Value, json};

/// The types of columns.
type Types<'a> = &'a dyn Fn(&str) -> Type;

/// Returns a condition that matches no row at all.
///
/// A loose range is one of several spellings, and only one of these has to match.
pub(super) fn never(filter: &Filter, types: Types<'_>) -> Option<Value> {
    match filter {
        Filter::And(parts) => parts.iter().find_map(|part| never(part, types)),
        Filter::Or { any, .. } => {
            let spellings: Option<Vec<_>> = any.iter().map(spelling).collect();
            let untaken = spellings.is_some_and(|all| !all.iter().any(|loose| can_match(loose, types)));
            let part = any.iter().find_map(|part| never(part, types));
            part.or_else(|| untaken.then(|| json!(filter)))
        }
        Filter::Not(part) => never(part, types),
        // Each value has to match: a value that does not would protect nothing.
        Filter::OneOf { path, values } => values.iter().find_map(|value| {
            let alone = Filter::OneOf {
                path: path.clone(),
                values: vec![value.clone()],
            };
            (!can_match(&alone, types)).then(|| json!(alone))
        }),
        Filter::Range { bounds, .. } if bounds.loose => None,
        Filter::Range { .. } | Filter::Text { .. } => (!can_match(filter, types)).then(|| json!(filter)),
        Filter::All | Filter::Nothing | Filter::Ids(_) | Filter::Exists(_) | Filter::Opaque(_) => None,
    }
}

/// Returns the loose range of an alternative, if it has one.
fn spelling(part: &Filter) -> Option<&Filter> {
    match part {
        Filter::And(parts) => parts.iter().find_map(spelling),
        Filter::Range { bounds, .. } if bounds.loose => Some(part),
        _ => None,
    }
}

/// Returns whether a condition matches one of many rows.
fn can_match(condition: &Filter, types: Types<'_>) -> bool {
    let (path, candidates) = match condition {
        Filter::OneOf { path, values } => (path, candidates(values.iter())),
        Filter::Range { path, bounds } => {
            let moments = bounds.moments.iter().flat_map(|moments| given(moments));
            (path, candidates(given(bounds).chain(moments)))
        }
        Filter::Text { path, text, .. } => (path, vec![json!(text)]),
        _ => return true,
    };
    let matcher = condition.matcher(Type::Text, types);
    candidates
        .into_iter()
        .any(|value| matcher.matches("id", &row(path, value)))
}

fn given(bounds: &Bounds) -> impl Iterator<Item = &Scalar> {
    bounds.given().map(|(_, bound)| bound)
}

/// Returns a row with a value at a path.
fn row(path: &Path, value: Value) -> Map<String, Value> {
    let value = path.steps.iter().rfold(value, |value, step| json!({step: value}));
    Map::from_iter([(path.column.clone(), value)])
}

/// Returns values that are the same as these, a little less or a little more, in every type.
fn candidates<'a>(scalars: impl Iterator<Item = &'a Scalar>) -> Vec<Value> {
    let nil = "00000000-0000-0000-0000-000000000000";
    let mut values = vec![
        json!(""),
        json!("00"),
        json!("ff"),
        json!(nil),
        json!(nil.replace('0', "f")),
    ];
    for scalar in scalars {
        values.push(json!(scalar));
        match scalar {
            Scalar::Text(text) => {
                values.push(json!(format!("{text}a")));
                values.extend(text.parse::<bool>().map(Value::from));
                values.extend(text.parse::<i64>().into_iter().flat_map(around));
            }
            Scalar::Integer(number) => {
                values.push(json!(number.to_string()));
                values.extend(around(*number));
            }
            Scalar::Float(number) => values.extend([number - 1.0, number + 1.0].map(Value::from)),
            Scalar::Bool(value) => values.push(json!(value.to_string())),
        }
        if let Some(at) = scalar.as_moment().or_else(|| scalar.as_stored()) {
            let days = [-2, 0, 2].map(|days| at.checked_add(SignedDuration::from_hours(24 * days)));
            values.extend(days.into_iter().flatten().flat_map(in_every_form));
        }
    }
    values
}

fn around(number: i64) -> [Value; 3] {
    [number - 1, number, number + 1].map(Value::from)
}

/// Returns a moment as a text, and as numbers since 1970.
fn in_every_form(at: Timestamp) -> [Value; 3] {
    let counted = |unit| json!(Counted::new(at, unit).nearest());
    [
        json!(at.to_string()),
        counted(Unit::Seconds),
        counted(Unit::Milliseconds),
    ]
}
