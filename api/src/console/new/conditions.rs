//! The conditions of a query, as the rows of the form say them.

use serde_json::{Map, Number, Value, json};

use super::entered::Entered;
use crate::deletion::query::PLACE;
use crate::http::exact;
use crate::http::problem::Problem;

/// The operators of a condition, with their labels.
pub(super) const OPERATORS: [(&str, &str); 12] = [
    ("eq", "is"),
    ("ne", "is not"),
    ("in", "is one of (with commas)"),
    ("prefix", "begins with"),
    ("contains", "contains"),
    ("lt", "is less than, or before"),
    ("lte", "is at most"),
    ("gt", "is more than, or after"),
    ("gte", "is at least"),
    ("older", "is older than, such as 90d"),
    ("exists", "has a value"),
    ("missing", "has no value"),
];

/// The types of a value, with their labels.
pub(super) const TYPES: [(&str, &str); 3] = [("text", "text"), ("number", "number"), ("bool", "true or false")];

/// The value of `match` where one condition is enough.
pub(super) const ANY: &str = "any";

/// A condition.
#[derive(Clone, Copy)]
pub(super) struct Condition<'a> {
    pub(super) field: &'a str,
    pub(super) operator: &'a str,
    pub(super) kind: &'a str,
    pub(super) value: &'a str,
}

impl<'a> Condition<'a> {
    /// Returns the conditions of the form that hold something.
    pub(super) fn all(entered: &'a Entered) -> Vec<Self> {
        let fields = entered.all("field").zip(entered.all("operator"));
        let values = entered.all("type").zip(entered.all("value"));
        let all = fields.zip(values).map(|((field, operator), (kind, value))| Self {
            field,
            operator,
            kind,
            value,
        });
        all.filter(|condition| !(condition.field.is_empty() && condition.value.is_empty()))
            .collect()
    }

    /// Returns the condition in the language of queries. The error says what to write instead.
    fn filter(self) -> Result<Value, &'static str> {
        if self.field.is_empty() {
            return Err("choose a field");
        }
        let range = |bound: &str| -> Result<Value, &'static str> {
            let bounds = one(bound, self.term(self.value)?);
            Ok(one("range", one(self.field, bounds)))
        };
        match self.operator {
            "exists" => Ok(json!({"exists": self.field})),
            "missing" => Ok(json!({"not": {"exists": self.field}})),
            _ if self.value.is_empty() => Err("write a value"),
            "ne" => Ok(one("not", one("eq", one(self.field, self.term(self.value)?)))),
            "in" => {
                let values = self.value.split(',').map(|value| self.term(value.trim()));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                Ok(one("in", one(self.field, Value::Array(values))))
            }
            "older" => {
                let ago = json!({"lt": {"ago": self.value}});
                Ok(one("range", one(self.field, ago)))
            }
            "lt" => range("lt"),
            "lte" => range("lte"),
            "gt" => range("gt"),
            "gte" => range("gte"),
            "eq" => Ok(one("eq", one(self.field, self.term(self.value)?))),
            "prefix" => Ok(one("prefix", one(self.field, json!(self.value)))),
            "contains" => Ok(one("contains", one(self.field, json!(self.value)))),
            _ => Err("choose an operator"),
        }
    }

    /// Returns a value with the type that the caller chose: `7` may be a text.
    fn term(self, text: &str) -> Result<Value, &'static str> {
        match (self.kind, text) {
            ("text", _) => Ok(json!(text)),
            ("number", _) => match serde_json::from_str::<Number>(text.trim()) {
                Ok(_) if exact::is_rounded(text.as_bytes()) => Err(exact::INSTEAD),
                Ok(number) => Ok(Value::Number(number)),
                Err(_) => Err("write a number"),
            },
            ("bool", "true" | "false") => Ok(json!(text == "true")),
            ("bool", _) => Err("write true or false"),
            _ => Err("choose a type"),
        }
    }
}

/// Returns the query that the conditions make, as text; empty if there are none.
pub(super) fn query(entered: &Entered) -> Result<String, Problem> {
    let conditions = Condition::all(entered).into_iter().enumerate();
    let filters = conditions.map(|(at, condition)| {
        let wrong = |what: &str| Problem::invalid(PLACE, format_args!("condition {}: {what}", at + 1));
        condition.filter().map_err(wrong)
    });
    let mut filters = filters.collect::<Result<Vec<_>, _>>()?;
    let query = match (filters.pop(), filters.is_empty()) {
        (None, _) => return Ok(String::new()),
        (Some(only), true) => only,
        (Some(last), false) => {
            filters.push(last);
            let all = if entered.value("match") == ANY { "or" } else { "and" };
            one(all, Value::Array(filters))
        }
    };
    Ok(serde_json::to_string_pretty(&query).expect("texts and numbers are JSON"))
}

fn one(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter([field, operator, kind, value]: [&str; 4]) -> Result<Value, &'static str> {
        let condition = Condition {
            field,
            operator,
            kind,
            value,
        };
        condition.filter()
    }

    #[test]
    fn each_operator_makes_a_filter_of_the_language() {
        use crate::deletion::query::Query;
        for (operator, _) in OPERATORS {
            let value = if operator == "older" { "90d" } else { "7" };
            let filter = filter(["f", operator, "text", value]).unwrap();
            assert!(serde_json::from_value::<Query>(filter).is_ok(), "{operator}");
        }
    }

    #[test]
    fn a_value_has_the_type_that_was_chosen() {
        for (kind, value) in [("text", json!("7")), ("number", json!(7))] {
            let expected = json!({"eq": {"f": value}});
            assert_eq!(filter(["f", "eq", kind, "7"]), Ok(expected), "{kind}");
        }
        let listed = filter(["f", "in", "number", "1, 2"]);
        assert_eq!(listed, Ok(json!({"in": {"f": [1, 2]}})));
        let not = filter(["f", "ne", "bool", "true"]);
        assert_eq!(not, Ok(json!({"not": {"eq": {"f": true}}})));
    }

    #[test]
    fn a_condition_that_is_not_whole_is_refused() {
        for (row, says) in [
            (["", "eq", "text", "x"], "choose a field"),
            (["f", "eq", "text", ""], "write a value"),
            (["f", "like", "text", "x"], "choose an operator"),
            (["f", "eq", "number", "x"], "write a number"),
            (["f", "lt", "number", "9007199254740993.5"], exact::INSTEAD),
            (["f", "eq", "bool", "yes"], "write true or false"),
            (["f", "eq", "", "x"], "choose a type"),
        ] {
            assert_eq!(filter(row), Err(says), "{row:?}");
        }
    }
}
