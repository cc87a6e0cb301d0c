//! A model of OpenSearch's deletions, after its documentation and its classes `BoolQueryBuilder`, `DateFieldMapper`,
//! `JavaDateMathParser` and `ExistsQueryBuilder`. Keywords follow Java's text form of values.

use serde_json::Value;

use super::dates;
use super::rows::Row;

/// Whether a row matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    No,
    /// The row matches under some mappings of the field, and not under others.
    Maybe,
    Yes,
}

use Truth::{Maybe, No, Yes};

impl From<bool> for Truth {
    fn from(is_so: bool) -> Self {
        if is_so { Yes } else { No }
    }
}

fn not(truth: Truth) -> Truth {
    match truth {
        Yes => No,
        Maybe => Maybe,
        No => Yes,
    }
}

fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
    truths.into_iter().max().unwrap_or(No)
}

fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    truths.into_iter().min().unwrap_or(Yes)
}

/// Returns whether a row matches a query.
pub(super) fn matches(query: &Value, row: &Row) -> Truth {
    let (name, body) = one(query);
    match name {
        "match_all" => Yes,
        "match_none" => No,
        "bool" => bool(body, row),
        "nested" => matches(&body["query"], row),
        "exists" => exists(body["field"].as_str().unwrap(), row),
        "term" | "match" => {
            let (field, value) = one(body);
            equals(field, value.get("value").unwrap_or(value), row)
        }
        "terms" => {
            let (field, values) = one(body);
            any(values.as_array().unwrap().iter().map(|value| equals(field, value, row)))
        }
        "prefix" => {
            let (field, text) = one(body);
            texts(field, row, &|value| value.starts_with(text.as_str().unwrap()))
        }
        "wildcard" => {
            let (field, value) = one(body);
            let pattern = value.get("value").unwrap_or(value).as_str().unwrap();
            let bare = pattern.trim_matches('*');
            if bare.is_empty() {
                return exists(field, row);
            }
            let is_open = pattern.starts_with('*');
            texts(field, row, &|value| {
                if is_open {
                    value.contains(bare)
                } else {
                    value.starts_with(bare)
                }
            })
        }
        "range" => range(body, row),
        other => panic!("{other}"),
    }
}

fn one(object: &Value) -> (&str, &Value) {
    let (name, value) = object.as_object().unwrap().iter().next().unwrap();
    (name, value)
}

fn bool(body: &Value, row: &Row) -> Truth {
    let clauses = |name: &str| -> Vec<Truth> {
        match body.get(name) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.iter().map(|query| matches(query, row)).collect(),
            Some(query) => vec![matches(query, row)],
        }
    };
    let (must, filter, should, must_not) = (
        clauses("must"),
        clauses("filter"),
        clauses("should"),
        clauses("must_not"),
    );
    let said = match body.get("minimum_should_match") {
        Some(Value::String(text)) => text.parse().unwrap(),
        Some(number) => usize::try_from(number.as_u64().unwrap()).unwrap(),
        None => 0,
    };
    // Lucene: without a `must` or `filter` clause, one `should` clause has to match.
    let needed = if said == 0 && must.is_empty() && filter.is_empty() && !should.is_empty() {
        1
    } else {
        said
    };
    let at_least = |least: Truth| should.iter().filter(|truth| **truth >= least).count() >= needed;
    let enough = if at_least(Yes) {
        Yes
    } else if at_least(Maybe) {
        Maybe
    } else {
        No
    };
    let kept = must_not.into_iter().map(not);
    all(must.into_iter().chain(filter).chain(kept).chain([enough]))
}

/// The content of a field.
enum Held {
    Text(Option<&'static str>),
    Number(Option<f64>),
    Flag(Option<bool>),
    /// In milliseconds, as OpenSearch's dates are.
    Moment(Option<i64>),
    Inside(Vec<Leaf>),
}

/// A value in JSON, at the end of a path.
enum Leaf {
    Value(Value),
    /// A value in a list inside a list, which the model leaves open.
    Deep(Value),
    /// An object, with values below it.
    Object(Value),
}

#[expect(clippy::cast_precision_loss, reason = "the whole numbers here are exact")]
fn held(field: &str, row: &Row) -> Held {
    match field {
        "owner_id" => Held::Text(row.owner),
        "title" => Held::Text(row.title),
        "n" => Held::Number(row.n.map(|n| n as f64)),
        "f" => Held::Number(row.f),
        "flag" => Held::Flag(row.flag),
        "at" => Held::Moment(row.at.map(|micros| micros.div_euclid(1_000))),
        path => {
            let mut found = vec![&row.meta];
            for step in path.split('.').skip(1) {
                let unrolled = found.into_iter().flat_map(flat);
                found = unrolled.filter_map(|value| value.get(step)).collect();
            }
            Held::Inside(found.into_iter().flat_map(leaves).collect())
        }
    }
}

fn flat(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().flat_map(flat).collect(),
        other => vec![other],
    }
}

fn leaves(value: &Value) -> Vec<Leaf> {
    let leaf = |value: &Value| match value {
        Value::Object(_) => Leaf::Object(value.clone()),
        other => Leaf::Value(other.clone()),
    };
    match value {
        Value::Array(list) => list
            .iter()
            .flat_map(|element| match element {
                Value::Array(_) => flat(element).into_iter().map(|deep| Leaf::Deep(deep.clone())).collect(),
                element => vec![leaf(element)],
            })
            .collect(),
        other => vec![leaf(other)],
    }
}

/// Returns a value as a keyword, in Java's text form.
fn keyword(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // True for the numbers in these tests.
        other => other.to_string(),
    }
}

fn exists(field: &str, row: &Row) -> Truth {
    fn is_there(value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Array(list) => list.iter().any(is_there),
            Value::Object(object) => object.values().any(is_there),
            _ => true,
        }
    }
    Truth::from(match held(field, row) {
        Held::Text(value) => value.is_some(),
        Held::Number(value) => value.is_some(),
        Held::Flag(value) => value.is_some(),
        Held::Moment(value) => value.is_some(),
        Held::Inside(leaves) => leaves.iter().any(|leaf| match leaf {
            Leaf::Value(value) | Leaf::Deep(value) | Leaf::Object(value) => is_there(value),
        }),
    })
}

fn equals(field: &str, asked: &Value, row: &Row) -> Truth {
    match held(field, row) {
        Held::Text(value) => Truth::from(value.is_some_and(|value| value == keyword(asked))),
        Held::Number(value) => Truth::from(value.is_some() && value == asked.as_f64()),
        Held::Flag(value) => Truth::from(value.is_some() && value == asked.as_bool()),
        Held::Moment(value) => {
            let text = keyword(asked);
            let (Some(first), Some(last)) = (dates::read(&text, 0, false), dates::read(&text, 0, true)) else {
                return No;
            };
            Truth::from(value.is_some_and(|value| (first..=last).contains(&value)))
        }
        Held::Inside(leaves) => inside(&leaves, &|value| {
            let truth = as_value(value, asked);
            // Only the column's type tells whether the whole column is JSON. There a text is only a text.
            let is_doubtful = field == "meta" && truth == Yes && value.is_string() != asked.is_string();
            if is_doubtful { Maybe } else { truth }
        }),
    }
}

/// Compares values: a keyword is the text of a value, and a field of numbers reads a text as a number.
fn as_value(value: &Value, asked: &Value) -> Truth {
    match (value, asked) {
        (Value::Null, _) => No,
        (Value::Number(value), Value::Number(asked)) => Truth::from(value.as_f64() == asked.as_f64()),
        (Value::Number(number), Value::String(text)) => {
            let as_keyword = keyword(value) == *text;
            let as_number = text.parse::<f64>().is_ok_and(|asked| number.as_f64() == Some(asked));
            if as_keyword == as_number {
                Truth::from(as_keyword)
            } else {
                Maybe
            }
        }
        (value, asked) => Truth::from(keyword(value) == keyword(asked)),
    }
}

/// Compares the values. A mapping may or may not index deeper values and objects.
fn inside(leaves: &[Leaf], right: &dyn Fn(&Value) -> Truth) -> Truth {
    any(leaves.iter().map(|leaf| match leaf {
        Leaf::Value(value) => right(value),
        Leaf::Deep(_) | Leaf::Object(_) => Maybe,
    }))
}

fn texts(field: &str, row: &Row, right: &dyn Fn(&str) -> bool) -> Truth {
    match held(field, row) {
        Held::Text(value) => Truth::from(value.is_some_and(right)),
        Held::Inside(leaves) => inside(&leaves, &|value| match value {
            Value::String(text) => Truth::from(right(text)),
            // It matches as a keyword, and cannot match in a field of numbers.
            Value::Number(_) | Value::Bool(_) if right(&keyword(value)) => Maybe,
            _ => No,
        }),
        _ => No,
    }
}

fn range(body: &Value, row: &Row) -> Truth {
    let (field, bounds) = one(body);
    let bounds = bounds.as_object().unwrap();
    let given = || {
        bounds
            .iter()
            .filter(|(name, _)| ["gt", "gte", "lt", "lte"].contains(&name.as_str()))
    };
    let within = |order: &dyn Fn(&Value) -> Option<std::cmp::Ordering>| {
        given().all(|(name, bound)| {
            order(bound).is_some_and(|order| match name.as_str() {
                "gt" => order.is_gt(),
                "gte" => order.is_ge(),
                "lt" => order.is_lt(),
                _ => order.is_le(),
            })
        })
    };
    match held(field, row) {
        Held::Text(value) => Truth::from(value.is_some_and(|value| within(&|bound| Some(value.cmp(bound.as_str()?))))),
        Held::Number(value) => {
            Truth::from(value.is_some_and(|value| within(&|bound| value.partial_cmp(&bound.as_f64()?))))
        }
        Held::Flag(_) => No,
        Held::Moment(value) => {
            let zone = if bounds.contains_key("time_zone") { 3_600_000 } else { 0 };
            Truth::from(value.is_some_and(|value| {
                given().all(|(name, bound)| {
                    let up = matches!(name.as_str(), "gt" | "lte");
                    let Some(at) = dates::read(&keyword(bound), zone, up) else {
                        return false;
                    };
                    match name.as_str() {
                        "gt" => value > at,
                        "gte" => value >= at,
                        "lt" => value < at,
                        _ => value <= at,
                    }
                })
            }))
        }
        Held::Inside(leaves) => inside(&leaves, &|value| {
            Truth::from(within(&|bound| value.as_f64()?.partial_cmp(&bound.as_f64()?)))
        }),
    }
}
