//! A filter asked of one row in memory: slow and plain, so that compiled statements can be measured
//! by it.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::value::{TWO_TO_63, bytes_text, instant};
use super::{Bounds, Comparison, Filter, Has, Path, Scalar, Type};

/// A row: its id as text, and its columns as JSON.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// The id.
    pub id: &'a str,
    /// What the id column holds.
    pub id_type: Type,
    /// The values of the columns; one that is missing is NULL.
    pub columns: &'a Map<String, Value>,
}

impl Filter {
    /// Returns whether a row matches; `types` says what each column holds.
    pub fn matches(&self, row: Row<'_>, types: &dyn Fn(&str) -> Type) -> bool {
        let part = |part: &Self| part.matches(row, types);
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::And(parts) => parts.iter().all(part),
            Self::Or { any, at_least } => {
                let matching = any.iter().filter(|one| part(one)).count();
                u32::try_from(matching).unwrap_or(u32::MAX) >= *at_least
            }
            Self::Not(inner) => !part(inner),
            Self::Ids(ids) => {
                let ids: HashSet<String> = ids
                    .iter()
                    .filter_map(|id| Scalar::from(id.as_str()).read(row.id_type))
                    .map(|id| match id {
                        Scalar::Text(text) => text,
                        Scalar::Integer(number) => number.to_string(),
                        Scalar::Bool(_) | Scalar::Float(_) => String::new(),
                    })
                    .collect();
                ids.contains(row.id)
            }
            Self::OneOf { path, values } => {
                let of = types(&path.column);
                let values: Vec<Scalar> = values
                    .iter()
                    .filter_map(|value| value.read(path.compared(of)))
                    .collect();
                path.any(row, of, |value| {
                    values
                        .iter()
                        .any(|wanted| order(value, wanted, path.compared(of)) == Some(Ordering::Equal))
                })
            }
            Self::Range { path, bounds } => {
                let of = types(&path.column);
                path.any(row, of, |value| bounds.hold(value, path.compared(of)))
            }
            Self::Text { path, has, text } => {
                let of = types(&path.column);
                let texts = matches!(path.compared(of), Type::Text | Type::Json | Type::Any);
                // No text of PostgreSQL holds NUL.
                let asked = texts && !text.contains('\0');
                asked
                    && path.any(row, of, |value| {
                        value.as_str().is_some_and(|value| has.holds(value, text))
                    })
            }
            Self::Exists(path) => path.any(row, types(&path.column), |_| true),
        }
    }
}

impl Has {
    fn holds(self, value: &str, text: &str) -> bool {
        match self {
            Self::Prefix => value.starts_with(text),
            Self::Part => value.contains(text),
        }
    }
}

impl Path {
    /// Inside JSON every value has its own type.
    fn compared(&self, of: Type) -> Type {
        if self.steps.is_empty() { of } else { Type::Json }
    }

    /// Returns whether any value at this path is right.
    fn any(&self, row: Row<'_>, of: Type, right: impl Fn(&Value) -> bool) -> bool {
        let Some(value) = row.columns.get(&self.column) else {
            return false;
        };
        if self.steps.is_empty() && of != Type::Json {
            return !value.is_null() && right(value);
        }
        // JSON that is kept as text.
        let parsed = match value {
            Value::String(text) if of != Type::Json => serde_json::from_str(text).unwrap_or(Value::Null),
            other => other.clone(),
        };
        let mut values = vec![&parsed];
        for step in &self.steps {
            values = values
                .into_iter()
                .flat_map(elements)
                .filter_map(|value| value.as_object()?.get(step))
                .collect();
        }
        values
            .into_iter()
            .flat_map(elements)
            .any(|value| !value.is_null() && right(value))
    }
}

/// Returns the elements of a list, or the one value that is no list.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        other => std::slice::from_ref(other),
    }
}

impl Bounds {
    fn hold(&self, value: &Value, of: Type) -> bool {
        self.given().all(|(comparison, bound)| {
            let Some(bound) = bound.read_bound(of) else {
                return false;
            };
            order(value, &bound, of).is_some_and(|order| match comparison {
                Comparison::Gt => order.is_gt(),
                Comparison::Gte => order.is_ge(),
                Comparison::Lt => order.is_lt(),
                Comparison::Lte => order.is_le(),
            })
        })
    }
}

/// Compares a value with one that was read; `None` if they are of different types.
fn order(value: &Value, with: &Scalar, of: Type) -> Option<Ordering> {
    match (of, value, with) {
        (Type::Uuid, Value::String(value), Scalar::Text(with)) => {
            Some(Uuid::try_parse(value).ok()?.to_string().as_str().cmp(with))
        }
        (Type::Bytes { uuids }, Value::String(value), Scalar::Text(with)) => {
            Some(bytes_text(value, uuids)?.as_str().cmp(with))
        }
        (Type::Time, Value::String(value), Scalar::Integer(with)) => Some(instant(value)?.cmp(with)),
        (Type::Time, ..) => None,
        (_, Value::String(value), Scalar::Text(with)) => Some(value.as_str().cmp(with)),
        (_, Value::Bool(value), Scalar::Bool(with)) => Some(value.cmp(with)),
        (_, Value::Number(value), Scalar::Integer(with)) => numbers(value, &Number::from(*with)),
        (_, Value::Number(value), Scalar::Float(with)) => numbers(value, &Number::from_f64(*with)?),
        _ => None,
    }
}

/// Compares numbers exactly.
fn numbers(left: &Number, right: &Number) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (whole(left), whole(right)) {
        return Some(left.cmp(&right));
    }
    match (whole(left), whole(right)) {
        (Some(left), None) => Some(whole_with_float(left, right.as_f64()?)),
        (None, Some(right)) => Some(whole_with_float(right, left.as_f64()?).reverse()),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "what lies between the bounds fits, and its fraction is compared next"
)]
fn whole_with_float(whole: i128, float: f64) -> Ordering {
    // Twice as far out as any whole number here.
    if float >= 2.0 * TWO_TO_63 {
        return Ordering::Less;
    }
    if float < -TWO_TO_63 {
        return Ordering::Greater;
    }
    let trunc = float.trunc() as i128;
    whole
        .cmp(&trunc)
        .then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(json: Value) -> Filter {
        serde_json::from_value(json).unwrap()
    }

    fn matches(filter: Value, columns: &Value) -> bool {
        let row = Row {
            id: "1",
            id_type: Type::Text,
            columns: columns.as_object().unwrap(),
        };
        let types = |column: &str| match column {
            "meta" => Type::Json,
            "n" => Type::Integer(32),
            _ => Type::Text,
        };
        self::filter(filter).matches(row, &types)
    }

    #[test]
    fn a_missing_value_matches_nothing_and_not_of_it_matches() {
        let row = json!({"user": null, "meta": {"tags": [null], "empty": []}});
        for path in [
            json!(["user"]),
            json!(["gone"]),
            json!(["meta", "tags"]),
            json!(["meta", "empty"]),
        ] {
            for missing in [
                json!({"exists": path}),
                json!({"one_of": {"path": path, "values": ["ana", 1, true]}}),
                json!({"range": {"path": path, "bounds": {"lt": "z"}}}),
            ] {
                assert!(!matches(missing.clone(), &row), "{missing}");
                assert!(matches(json!({"not": missing}), &row), "{missing}");
            }
        }
    }

    #[test]
    fn one_element_that_matches_is_enough() {
        let row = json!({"meta": {"tags": [{"color": "red"}, {"color": ["blue", 7]}, "green"]}});
        let asks = |values: Value| json!({"one_of": {"path": ["meta", "tags", "color"], "values": values}});
        assert!(matches(asks(json!(["blue"])), &row));
        assert!(matches(asks(json!([7.0])), &row), "numbers compare as numbers");
        assert!(!matches(asks(json!(["7"])), &row), "and not as texts");
        assert!(!matches(asks(json!(["green"])), &row));
        assert!(matches(
            json!({"range": {"path": ["meta", "tags", "color"], "bounds": {"gte": 7, "lt": 7.5}}}),
            &row
        ));
    }

    #[test]
    fn a_text_has_another_at_its_beginning_or_anywhere_and_only_texts_do() {
        let row = json!({"user": "Ana Banana", "n": 7, "meta": {"tags": ["sea", 7]}});
        let has = |path: Value, has: &str, text: &str| json!({"text": {"path": path, "has": has, "text": text}});
        for (filter, expected) in [
            (has(json!(["user"]), "prefix", "Ana"), true),
            (has(json!(["user"]), "prefix", "ana"), false),
            (has(json!(["user"]), "prefix", "Ban"), false),
            (has(json!(["user"]), "part", "Ban"), true),
            (has(json!(["user"]), "part", "a\0"), false),
            (has(json!(["n"]), "prefix", "7"), false),
            (has(json!(["gone"]), "part", "a"), false),
            (has(json!(["meta", "tags"]), "prefix", "s"), true),
            (has(json!(["meta", "tags"]), "part", "7"), false),
        ] {
            assert_eq!(matches(filter.clone(), &row), expected, "{filter}");
        }
    }

    #[test]
    fn whole_numbers_and_floats_compare_exactly() {
        let number = |value: Value| value.as_number().unwrap().clone();
        let order = |left, right| numbers(&number(left), &number(right)).unwrap();
        assert_eq!(
            order(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0)),
            Ordering::Greater
        );
        assert_eq!(order(json!(1), json!(1.0)), Ordering::Equal);
        assert_eq!(order(json!(-1), json!(-1.5)), Ordering::Greater);
        assert_eq!(order(json!(1.5), json!(1)), Ordering::Greater);
        assert_eq!(order(json!(1e300), json!(i64::MAX)), Ordering::Greater);
        assert_eq!(order(json!(u64::MAX), json!(i64::MAX)), Ordering::Greater);
    }

    #[test]
    fn as_many_alternatives_as_are_needed_have_to_match() {
        let row = json!({"user": "ana", "n": 3});
        let any = |at_least: u32| {
            json!({"or": {"at_least": at_least, "any": [
                {"one_of": {"path": ["user"], "values": ["ana"]}},
                {"one_of": {"path": ["n"], "values": ["3"]}},
                {"ids": ["2"]},
            ]}})
        };
        assert!(matches(any(1), &row) && matches(any(2), &row) && !matches(any(3), &row));
    }
}
