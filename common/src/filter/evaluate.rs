//! A filter asked of rows in memory, plainly, so that compiled statements can be measured by it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::value::{TWO_TO_63, bytes_text, instant};
use super::{Bounds, Comparison, Filter, Has, Path, Scalar, Type};

/// A filter whose values are read as the columns hold them, ready to be asked of any number of rows.
pub struct Matcher(Part);

impl Filter {
    /// Returns what decides about rows; `ids` says what the id column holds, and `types` what each other
    /// column does.
    pub fn matcher(&self, ids: Type, types: &dyn Fn(&str) -> Type) -> Matcher {
        Matcher(Part::of(self, ids, types))
    }
}

impl Matcher {
    /// Returns whether a row matches: its id as text, and its columns as JSON; one that is missing is NULL.
    pub fn matches(&self, id: &str, columns: &Map<String, Value>) -> bool {
        self.0.matches(id, columns)
    }
}

enum Part {
    All,
    Nothing,
    And(Vec<Part>),
    Or {
        any: Vec<Part>,
        at_least: u32,
    },
    Not(Box<Part>),
    Ids(HashSet<String>),
    OneOf {
        place: Place,
        texts: HashSet<String>,
        others: Vec<Scalar>,
    },
    Range {
        place: Place,
        bounds: Vec<(Comparison, Scalar)>,
    },
    Text {
        place: Place,
        has: Has,
        text: String,
    },
    Exists(Place),
    Opaque(Place),
}

impl Part {
    fn of(filter: &Filter, ids: Type, types: &dyn Fn(&str) -> Type) -> Self {
        let parts = |parts: &[Filter]| parts.iter().map(|part| Self::of(part, ids, types)).collect();
        let place = |path: &Path| Place {
            path: path.clone(),
            of: types(&path.column),
        };
        match filter {
            Filter::All => Self::All,
            Filter::Nothing => Self::Nothing,
            Filter::And(all) => Self::And(parts(all)),
            Filter::Or { any, at_least } => Self::Or {
                any: parts(any),
                at_least: *at_least,
            },
            Filter::Not(part) => Self::Not(Box::new(Self::of(part, ids, types))),
            Filter::Ids(names) => {
                let read = names.iter().filter_map(|id| Scalar::from(id.as_str()).read(ids));
                Self::Ids(read.filter_map(Scalar::into_id).collect())
            }
            Filter::OneOf { path, values } => Self::one_of(place(path), values),
            Filter::Range { path, bounds } => Self::range(place(path), bounds),
            Filter::Text { path, has, text } => {
                let place = place(path);
                let texts = matches!(place.compared(), Type::Text | Type::Json | Type::Any);
                // No text of PostgreSQL holds NUL.
                if !texts || text.contains('\0') {
                    return Self::Nothing;
                }
                Self::Text {
                    place,
                    has: *has,
                    text: text.clone(),
                }
            }
            Filter::Exists(path) => Self::Exists(place(path)),
            Filter::Opaque(path) => Self::Opaque(place(path)),
        }
    }

    fn one_of(place: Place, values: &[Scalar]) -> Self {
        let of = place.compared();
        // Other types have several spellings of a value.
        let as_written = !matches!(of, Type::Uuid | Type::Bytes { .. } | Type::Time);
        let (mut texts, mut others) = (HashSet::new(), Vec::new());
        for value in values.iter().filter_map(|value| value.read(of)) {
            match value {
                Scalar::Text(text) if as_written => {
                    texts.insert(text);
                }
                other => others.push(other),
            }
        }
        Self::OneOf { place, texts, others }
    }

    /// Of a bound that cannot be compared nothing is within.
    fn range(place: Place, bounds: &Bounds) -> Self {
        let of = place.compared();
        let read = |(comparison, bound): (_, &Scalar)| Some((comparison, bound.read_bound(of)?));
        match bounds.within(of).given().map(read).collect::<Option<Vec<_>>>() {
            Some(bounds) if !bounds.is_empty() => Self::Range { place, bounds },
            _ => Self::Nothing,
        }
    }

    fn matches(&self, id: &str, columns: &Map<String, Value>) -> bool {
        let part = |part: &Self| part.matches(id, columns);
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::And(parts) => parts.iter().all(part),
            Self::Or { any, at_least } => {
                let matching = any.iter().filter(|one| part(one)).count();
                u32::try_from(matching).unwrap_or(u32::MAX) >= *at_least
            }
            Self::Not(inner) => !part(inner),
            Self::Ids(ids) => ids.contains(id),
            Self::OneOf { place, texts, others } => {
                let of = place.compared();
                place.any(columns, |value| {
                    value.as_str().is_some_and(|text| texts.contains(text))
                        || others
                            .iter()
                            .any(|wanted| order(value, wanted, of) == Some(Ordering::Equal))
                })
            }
            Self::Range { place, bounds } => {
                let of = place.compared();
                place.any(columns, |value| {
                    let holds = |(comparison, bound): &(Comparison, Scalar)| {
                        order(value, bound, of).is_some_and(|order| comparison.holds(order))
                    };
                    bounds.iter().all(holds)
                })
            }
            Self::Text { place, has, text } => place.any(columns, |value| {
                value.as_str().is_some_and(|value| has.holds(value, text))
            }),
            Self::Exists(place) => place.any(columns, has_value),
            Self::Opaque(place) => place.any(columns, |value| value.is_object() || value.is_array()),
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

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
        }
    }
}

/// Where a value is, in a column of which the type is known.
struct Place {
    path: Path,
    of: Type,
}

impl Place {
    fn compared(&self) -> Type {
        self.path.compared(self.of)
    }

    /// Returns whether any value here is right.
    fn any(&self, columns: &Map<String, Value>, right: impl Fn(&Value) -> bool) -> bool {
        let Some(value) = columns.get(&self.path.column) else {
            return false;
        };
        if self.path.steps.is_empty() && self.of != Type::Json {
            return !value.is_null() && right(value);
        }
        // JSON that is kept as text.
        let parsed = match value {
            Value::String(text) if self.of != Type::Json => {
                Cow::Owned(serde_json::from_str(text).unwrap_or(Value::Null))
            }
            other => Cow::Borrowed(other),
        };
        let mut values = vec![&*parsed];
        for step in &self.path.steps {
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

/// Returns whether there is a value at any depth: neither a list nor an object is one by itself.
fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => list.iter().any(has_value),
        Value::Object(object) => object.values().any(has_value),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Returns the elements of a list, or the one value that is no list.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        other => std::slice::from_ref(other),
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
        let types = |column: &str| match column {
            "meta" => Type::Json,
            "n" => Type::Integer(32),
            _ => Type::Text,
        };
        self::filter(filter)
            .matcher(Type::Text, &types)
            .matches("1", columns.as_object().unwrap())
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
    fn lists_and_objects_are_no_values_but_hold_some() {
        let exists = |meta: &Value| matches(json!({"exists": ["meta", "a"]}), &json!({"meta": {"a": meta}}));
        for empty in [
            json!({}),
            json!([{}]),
            json!([[]]),
            json!({"b": null}),
            json!({"b": [null, {"c": {}}]}),
        ] {
            assert!(!exists(&empty), "{empty}");
        }
        for filled in [
            json!({"b": 0}),
            json!({"b": null, "c": ""}),
            json!([{}, {"b": [[false]]}]),
            json!("{}"),
        ] {
            assert!(exists(&filled), "{filled}");
        }
        // A text is kept as it is, whatever is in it.
        assert!(matches(json!({"exists": ["user"]}), &json!({"user": "{}"})));
        let opaque = |meta: Value| matches(json!({"opaque": ["meta", "a"]}), &json!({"meta": {"a": meta}}));
        assert!(opaque(json!({})) && opaque(json!([7, {"b": 1}])) && opaque(json!([[7]])));
        assert!(!opaque(json!([7, null])) && !opaque(json!("{}")) && !opaque(json!(null)));
    }

    #[test]
    fn a_column_of_moments_has_bounds_of_its_own() {
        let bounds = json!({"lte": "2024-01-31", "moments": {"lt": "2024-02-01T00:00:00Z"}});
        let filter = filter(json!({"range": {"path": ["at"], "bounds": bounds}}));
        let row = json!({"at": "2024-01-31T15:00:00Z"});
        let is_met = |of: Type| {
            let matcher = filter.matcher(Type::Text, &|_| of);
            matcher.matches("1", row.as_object().unwrap())
        };
        assert!(is_met(Type::Time));
        assert!(!is_met(Type::Text));
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
