//! The payloads of points: mostly consistent with their rows, otherwise with the variants that applications write.

use serde_json::{Map, Value, json};

use crate::model::{Field, Mapping};
use lethe_tests::random::Random;

/// The value that a payload should have in a field, and other possible values.
pub(super) struct Wanted<'a> {
    pub(super) value: Option<&'a str>,
    pub(super) others: &'a [String],
    pub(super) number: bool,
}

/// Writes a value at a dotted path.
pub(super) fn put(payload: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(payload.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = payload.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Returns a value as applications write it.
fn plain(random: &mut Random, value: &str, number: bool) -> Value {
    match value.parse::<i64>() {
        Ok(value) if number && random.percent(70) => json!(value),
        _ => json!(value),
    }
}

/// Returns a point's value of a field, or nothing. In `odd` percent of cases it differs from the wanted value.
pub(super) fn said(random: &mut Random, wanted: &Wanted<'_>, odd: usize) -> Option<Value> {
    let other = random.one(wanted.others).clone();
    let Some(value) = wanted.value else {
        return random.percent(odd).then(|| plain(random, &other, wanted.number));
    };
    if !random.percent(odd) {
        return Some(plain(random, value, wanted.number));
    }
    let value = plain(random, value, wanted.number);
    let other_value = plain(random, &other, wanted.number);
    match random.below(12) {
        0 | 1 => None,
        2 => Some(Value::Null),
        3 => Some(json!([])),
        4 => Some(json!([value])),
        5..=7 => Some(other_value),
        8 => Some(json!([value, other_value])),
        9 => Some(json!({"name": value})),
        10 => Some(json!([other_value])),
        _ => Some(json!(true)),
    }
}

/// Returns the payload of a memory's point.
pub(super) fn payload(
    random: &mut Random,
    mapping: &Mapping,
    [id, another]: [&str; 2],
    wanted: impl Fn(Field) -> (Option<String>, Vec<String>),
    odd: usize,
) -> Map<String, Value> {
    let mut payload = Map::new();
    let Some(points) = &mapping.points else {
        return payload;
    };
    payload.insert("text".to_owned(), json!("a memory"));
    payload.insert("n".to_owned(), json!(random.below(10)));
    if let Some(path) = points.id {
        let id = plain(random, id, mapping.has_numbers());
        let another = plain(random, another, mapping.has_numbers());
        let id = match if random.percent(odd) { random.below(7) } else { 9 } {
            0 | 1 => None,
            2 => Some(Value::Null),
            3 => Some(json!([])),
            4 => Some(json!([id])),
            5 => Some(json!([id, another])),
            6 => Some(json!(another)),
            _ => Some(id),
        };
        if let Some(id) = id {
            put(&mut payload, path, id);
        }
    }
    for field in Field::ALL {
        if let Some(path) = points.path(field) {
            let (value, others) = wanted(field);
            let wanted = Wanted {
                value: value.as_deref(),
                others: &others,
                number: mapping.is_number(field),
            };
            if let Some(value) = said(random, &wanted, odd) {
                put(&mut payload, path, value);
            }
        }
    }
    if let Some(scope) = points.scope {
        let tenant = match if random.percent(odd) { random.below(7) } else { 9 } {
            0 => None,
            1 => Some(Value::Null),
            2 => Some(json!([scope, "b"])),
            3 => Some(json!([scope])),
            4 | 5 => Some(json!(if scope == "a" { "b" } else { "a" })),
            6 => Some(json!(scope.to_uppercase())),
            _ => Some(json!(scope)),
        };
        if let Some(tenant) = tenant {
            payload.insert("tenant".to_owned(), tenant);
        }
    }
    payload
}
