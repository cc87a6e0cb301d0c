//! Filters of jobs by query: their matches, and their spelling in each API.

use serde_json::{Value, json};

/// A condition on a memory.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Eq(&'static str, Value),
    In(&'static str, Vec<Value>),
    /// At least the first bound, below the second.
    Range(&'static str, Option<i64>, Option<i64>),
    Exists(&'static str),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
}

impl Filter {
    /// Returns whether the filter matches a memory, given the values of a field.
    pub(crate) fn matches(&self, values: &dyn Fn(&str) -> Vec<Value>) -> bool {
        match self {
            Self::Eq(field, value) => values(field).contains(value),
            Self::In(field, among) => values(field).iter().any(|value| among.contains(value)),
            Self::Range(field, from, to) => values(field)
                .iter()
                .filter_map(Value::as_i64)
                .any(|value| from.is_none_or(|from| from <= value) && to.is_none_or(|to| value < to)),
            Self::Exists(field) => !values(field).is_empty(),
            Self::And(all) => all.iter().all(|one| one.matches(values)),
            Self::Or(any) => any.iter().any(|one| one.matches(values)),
            Self::Not(one) => !one.matches(values),
        }
    }

    /// Returns the filter in the form of `POST /v1/jobs`.
    pub(crate) fn native(&self) -> Value {
        let list = |filters: &[Self]| filters.iter().map(Self::native).collect::<Vec<_>>();
        match self {
            Self::Eq(field, value) => json!({"eq": {*field: value}}),
            Self::In(field, among) => json!({"in": {*field: among}}),
            Self::Range(field, from, to) => json!({"range": {*field: bounds(*from, *to)}}),
            Self::Exists(field) => json!({"exists": field}),
            Self::And(all) => json!({"and": list(all)}),
            Self::Or(any) => json!({"or": list(any)}),
            Self::Not(one) => json!({"not": one.native()}),
        }
    }

    /// Returns the filter in the form of OpenSearch.
    pub(crate) fn open_search(&self) -> Value {
        let list = |filters: &[Self]| filters.iter().map(Self::open_search).collect::<Vec<_>>();
        match self {
            Self::Eq(field, value) => json!({"term": {renamed(field): value}}),
            Self::In("id", among) => json!({"ids": {"values": among}}),
            Self::In(field, among) => json!({"terms": {renamed(field): among}}),
            Self::Range(field, from, to) => json!({"range": {renamed(field): bounds(*from, *to)}}),
            Self::Exists(field) => json!({"exists": {"field": renamed(field)}}),
            Self::And(all) => json!({"bool": {"must": list(all)}}),
            Self::Or(any) => json!({"bool": {"should": list(any), "minimum_should_match": 1}}),
            Self::Not(one) => json!({"bool": {"must_not": [one.open_search()]}}),
        }
    }
}

fn bounds(from: Option<i64>, to: Option<i64>) -> Value {
    let bounds = [("gte", from), ("lt", to)].into_iter();
    bounds
        .filter_map(|(name, bound)| Some((name.to_owned(), json!(bound?))))
        .collect()
}

/// Returns OpenSearch's name of a field.
fn renamed(field: &str) -> &str {
    match field {
        "id" => "_id",
        "user_id" => "owner_id",
        "kind" => "memory_type",
        field => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(field: &str) -> Vec<Value> {
        match field {
            "user_id" => vec![json!("ana"), json!("bob")],
            "n" => vec![json!(5)],
            _ => Vec::new(),
        }
    }

    #[test]
    fn one_value_of_a_list_is_enough_and_what_is_missing_matches_nothing() {
        let eq = |field, value: &str| Filter::Eq(field, json!(value));
        let not = |filter| Filter::Not(Box::new(filter));
        for (filter, matches) in [
            (eq("user_id", "bob"), true),
            (eq("kind", "note"), false),
            (not(eq("kind", "note")), true),
            (Filter::Range("n", Some(5), Some(6)), true),
            (Filter::Range("n", None, Some(5)), false),
            (Filter::Range("kind", None, Some(5)), false),
            (Filter::And(vec![Filter::Exists("n"), eq("user_id", "eve")]), false),
            (Filter::Or(vec![Filter::Exists("n"), eq("user_id", "eve")]), true),
        ] {
            assert_eq!(filter.matches(&values), matches, "{filter:?}");
        }
    }
}
