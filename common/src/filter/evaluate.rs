//! Evaluates filters on rows in memory. It is plain, so that tests measure compiled statements by it.

mod moment;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::value::{TWO_TO_63, bytes_text};
use super::{Bounds, Comparison, Filter, Has, Path, Scalar, Type};
use moment::Read;

/// A filter whose values are read by the columns' types, ready for any number of rows.
pub struct Matcher(Part);

impl Filter {
    /// Returns the evaluator of rows. `ids` is the type of the id column, and `types` returns the type of
    /// each other column.
    pub fn matcher(&self, ids: Type, types: &dyn Fn(&str) -> Type) -> Matcher {
        Matcher(Part::of(self, ids, types, false))
    }
}

impl Matcher {
    /// Returns whether a row matches: its id as text, and its columns as JSON. A missing column is NULL.
    pub fn matches(&self, id: &str, columns: &Map<String, Value>) -> bool {
        self.0.matches(id, columns, false)
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
        place: TypedPath,
        texts: HashSet<String>,
        others: Vec<Scalar>,
    },
    Range {
        place: TypedPath,
        bounds: Vec<(Comparison, Scalar)>,
    },
    /// Equal to one of some moments.
    At {
        place: TypedPath,
        moments: Vec<Timestamp>,
        numbers: Vec<Scalar>,
    },
    /// Within bounds that are moments.
    Within {
        place: TypedPath,
        bounds: Vec<(Comparison, Timestamp)>,
    },
    Text {
        place: TypedPath,
        has: Has,
        text: String,
    },
    Exists(TypedPath),
    Opaque(TypedPath),
}

impl Part {
    /// `negated` says whether this is under a negation, where a match keeps the row.
    fn of(filter: &Filter, ids: Type, types: &dyn Fn(&str) -> Type, negated: bool) -> Self {
        let part = |part: &Filter| Self::of(part, ids, types, negated);
        let parts = |parts: &[Filter]| parts.iter().map(part).collect();
        let place = |path: &Path| TypedPath {
            path: path.clone(),
            of: types(&path.column),
        };
        let keeps_untyped = |path: &Path| negated && place(path).compared() == Type::Any;
        match filter {
            Filter::All => Self::All,
            Filter::Nothing => Self::Nothing,
            Filter::And(all) => Self::And(parts(all)),
            Filter::Or { any, at_least } => Self::Or {
                any: parts(any),
                at_least: *at_least,
            },
            Filter::Not(part) => Self::Not(Box::new(Self::of(part, ids, types, !negated))),
            Filter::Ids(names) => {
                let read = names.iter().filter_map(|id| Scalar::from(id.as_str()).read(ids));
                Self::Ids(read.filter_map(Scalar::into_id).collect())
            }
            Filter::OneOf { path, values } => {
                let others: Vec<Scalar> = values.iter().flat_map(Scalar::respelled).collect();
                let other = keeps_untyped(path).then(|| Self::one_of(place(path), &others));
                Self::one_of(place(path), values).or(other)
            }
            Filter::Range { path, bounds } => {
                let numbers = bounds.in_numbers().filter(|_| keeps_untyped(path));
                let other = numbers.map(|numbers| Self::range(place(path), &numbers));
                Self::range(place(path), bounds).or(other)
            }
            Filter::Text { path, has, text } => {
                let place = place(path);
                let texts = matches!(place.compared(), Type::Text | Type::Json | Type::Any);
                // A text in PostgreSQL cannot hold NUL.
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

    fn or(self, other: Option<Self>) -> Self {
        match other {
            None => self,
            Some(other) => Self::Or {
                any: vec![self, other],
                at_least: 1,
            },
        }
    }

    fn one_of(place: TypedPath, values: &[Scalar]) -> Self {
        let of = place.compared();
        if matches!(of, Type::Time | Type::Counted(_)) {
            let (mut moments, mut numbers) = (Vec::new(), Vec::new());
            for value in values.iter().filter_map(|value| value.read(of)) {
                match (of, &value) {
                    (Type::Counted(_), Scalar::Integer(_) | Scalar::Float(_)) => numbers.push(value),
                    _ => moments.extend(value.as_moment()),
                }
            }
            return Self::At {
                place,
                moments,
                numbers,
            };
        }
        // UUIDs and bytes have several spellings of a value.
        let as_written = !matches!(of, Type::Uuid | Type::Bytes { .. });
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

    /// If a bound cannot be compared, no value is within.
    fn range(place: TypedPath, bounds: &Bounds) -> Self {
        let of = place.compared();
        if let Some(bounds) = bounds.as_moments(of) {
            return Self::Within { place, bounds };
        }
        let read = |(comparison, bound): (_, &Scalar)| Some((comparison, bound.read_bound(of)?));
        match bounds.within(of).given().map(read).collect::<Option<Vec<_>>>() {
            Some(bounds) if !bounds.is_empty() => Self::Range { place, bounds },
            _ => Self::Nothing,
        }
    }

    /// A value that should be a moment and is none matches neither a comparison nor its negation. `negated` says
    /// whether this is under a negation, where a match keeps the row.
    fn matches(&self, id: &str, columns: &Map<String, Value>, negated: bool) -> bool {
        let part = |part: &Self| part.matches(id, columns, negated);
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::And(parts) => parts.iter().all(part),
            Self::Or { any, at_least } => {
                let matching = any.iter().filter(|one| part(one)).count();
                u32::try_from(matching).unwrap_or(u32::MAX) >= *at_least
            }
            Self::Not(inner) => !inner.matches(id, columns, !negated),
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
            Self::At {
                place,
                moments,
                numbers,
            } => {
                let of = place.compared();
                let is_number = |value: &Value| {
                    numbers
                        .iter()
                        .any(|wanted| order(value, wanted, of) == Some(Ordering::Equal))
                };
                place.any(columns, |value| match place.moment(value) {
                    Read::Moment(read) => {
                        is_number(value) || moments.iter().any(|at| read.compare(*at) == Some(Ordering::Equal))
                    }
                    Read::Other => false,
                    Read::Unreadable => negated,
                })
            }
            Self::Within { place, bounds } => place.any(columns, |value| match place.moment(value) {
                Read::Moment(read) => bounds
                    .iter()
                    .all(|(comparison, at)| read.compare(*at).is_some_and(|order| comparison.holds(order))),
                Read::Other => false,
                Read::Unreadable => negated,
            }),
            Self::Range { place, bounds } => {
                let of = place.compared();
                place.any(columns, |value| {
                    if matches!(of, Type::Counted(_)) && !value.is_number() {
                        return negated;
                    }
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

/// The path of a value in a column of known type.
struct TypedPath {
    path: Path,
    of: Type,
}

impl TypedPath {
    fn compared(&self) -> Type {
        self.path.compared(self.of)
    }

    /// Returns whether any value at the path is right.
    fn any(&self, columns: &Map<String, Value>, right: impl Fn(&Value) -> bool) -> bool {
        let Some(value) = columns.get(&self.path.column) else {
            return false;
        };
        if self.path.steps.is_empty() && self.of != Type::Json {
            return !value.is_null() && right(value);
        }
        // The column holds JSON as text.
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

/// Returns whether there is a value at any depth: a list or an object alone is none.
fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => list.iter().any(has_value),
        Value::Object(object) => object.values().any(has_value),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Returns the elements of a list, or a value that is no list.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        other => std::slice::from_ref(other),
    }
}

/// Compares a value with a value of the filter; `None` if their types differ.
fn order(value: &Value, with: &Scalar, of: Type) -> Option<Ordering> {
    match (of, value, with) {
        (Type::Uuid, Value::String(value), Scalar::Text(with)) => {
            Some(Uuid::try_parse(value).ok()?.to_string().as_str().cmp(with))
        }
        (Type::Bytes { uuids }, Value::String(value), Scalar::Text(with)) => {
            Some(bytes_text(value, uuids)?.as_str().cmp(with))
        }
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
    // Beyond 2^64, and so beyond any whole number here.
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
