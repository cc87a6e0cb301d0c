//! The inputs of a query: its conditions, and its JSON beside them.

use lethe_common::config::{Table, Target};

use super::conditions::{ANY, Condition, OPERATORS, TYPES};
use super::entered::Entered;
use super::inputs::{Choice, wrong};
use super::query::{CONDITIONS_WERE, JSON, JSON_WAS, Query};
use super::request::PLACE;
use crate::deletion::query::names;
use crate::http::problem::Problem;

/// The inputs of a query.
pub(super) struct Builder {
    /// Whether one condition is enough.
    pub(super) any: bool,
    pub(super) rows: Vec<Row>,
    pub(super) json: String,
    pub(super) json_was: String,
    pub(super) conditions_were: String,
    pub(super) wrong: Option<String>,
}

/// The inputs of a condition.
pub(super) struct Row {
    pub(super) fields: Vec<Choice>,
    pub(super) operators: Vec<Choice>,
    pub(super) types: Vec<Choice>,
    pub(super) value: String,
    /// Whether the caller has just added it.
    pub(super) is_new: bool,
}

/// An empty condition.
const EMPTY: Condition<'static> = Condition {
    field: "",
    operator: "",
    kind: "",
    value: "",
};

impl Builder {
    /// Returns the inputs, with one more condition if the caller wants one.
    pub(super) fn new(entered: &Entered, targets: &[&Target], is_more: bool, problem: Option<&Problem>) -> Self {
        let given = Condition::all(entered);
        let (given, json, json_was, conditions_were) = match Query::of(entered) {
            Ok(query) if query.is_of_conditions => (given, query.json.clone(), query.json.clone(), query.json),
            // The conditions do not say the same any more.
            Ok(query) => (Vec::new(), query.json.clone(), query.json, String::new()),
            Err(_) => {
                let text = |name| entered.value(name).to_owned();
                (given, text(JSON), text(JSON_WAS), text(CONDITIONS_WERE))
            }
        };
        let fields = fields(entered.value(PLACE), targets);
        let mut rows: Vec<Row> = given.into_iter().map(|one| Row::new(one, &fields)).collect();
        if is_more || rows.is_empty() {
            let is_new = is_more;
            rows.push(Row {
                is_new,
                ..Row::new(EMPTY, &fields)
            });
        }
        Self {
            any: entered.value("match") == ANY,
            rows,
            json,
            json_was,
            conditions_were,
            wrong: wrong(JSON, problem),
        }
    }
}

impl Row {
    fn new(condition: Condition<'_>, fields: &[&str]) -> Self {
        let unchosen = [pair("", "choose a field")];
        let fields = fields.iter().map(|field| pair(field, field));
        let operators = OPERATORS.iter().map(|(word, label)| pair(word, label));
        let types = TYPES.iter().map(|(word, label)| pair(word, label));
        Self {
            fields: Choice::all(unchosen.into_iter().chain(fields), condition.field),
            operators: Choice::all(operators, condition.operator),
            types: Choice::all(types, condition.kind),
            value: condition.value.to_owned(),
            is_new: false,
        }
    }
}

fn pair(value: &str, label: &str) -> (String, String) {
    (value.to_owned(), label.to_owned())
}

/// Returns the names of the fields in a place, or in all tables while none is chosen.
fn fields<'a>(place: &str, targets: &[&'a Target]) -> Vec<&'a str> {
    let tables = targets
        .iter()
        .flat_map(|target| target.tables.iter().map(move |table| (*target, table)));
    let is_meant = |(target, table): &(&Target, &Table)| {
        place.is_empty() || place.split_once('/') == Some((target.name.as_str(), table.name.as_str()))
    };
    let mut fields = Vec::new();
    for (_, table) in tables.filter(is_meant) {
        for name in names(table) {
            if !fields.contains(&name) {
                fields.push(name);
            }
        }
    }
    fields
}
