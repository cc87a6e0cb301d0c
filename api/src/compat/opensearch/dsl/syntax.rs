//! The JSON shapes that queries share, and the errors for other shapes.

use lethe_common::filter::Scalar;
use serde_json::{Map, Value};

use crate::deletion::query;
use crate::http::json::short;
use crate::http::problem::{Kind, Problem};

/// Reads `{"field": value}` or `{"field": {"<word>": value}}`.
pub(super) fn value<'v>(query: &str, body: &'v Value, word: &str) -> Result<(&'v str, &'v Value), Problem> {
    let (field, value) = only(body, query)?;
    let Value::Object(object) = value else {
        return Ok((field, value));
    };
    allowed(query, object, &[word, "boost"])?;
    let value = object.get(word);
    value
        .map(|value| (field, value))
        .ok_or_else(|| refused(&format!("[{query}] needs [{word}]")))
}

/// Returns the only entry of an object.
pub(super) fn only<'v>(value: &'v Value, query: &str) -> Result<(&'v str, &'v Value), Problem> {
    let Value::Object(object) = value else {
        return Err(refused(&format!("[{query}] needs an object")));
    };
    let mut entries = object.iter();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (None, _) => Err(refused(&format!("[{query}] is empty"))),
        _ => Err(refused(&format!(
            "[{query}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"
        ))),
    }
}

pub(super) fn empty(query: &str, body: &Value) -> Result<(), Problem> {
    match body {
        Value::Object(object) => allowed(query, object, &["boost"]),
        _ => Err(refused(&format!("[{query}] needs an object"))),
    }
}

/// Refuses unknown parameters of a query.
pub(super) fn allowed(query: &str, object: &Map<String, Value>, names: &[&str]) -> Result<(), Problem> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let name = short(name);
            Err(refused(&format!("[{query}] query does not support [{name}]")))
        }
    }
}

pub(super) fn scalar(query: &str, value: &Value) -> Result<Scalar, Problem> {
    query::scalar(value).ok_or_else(|| {
        let what = if value.is_number() {
            "numbers of 64 bits"
        } else {
            "texts, numbers, true and false"
        };
        refused(&format!("[{query}] takes {what}"))
    })
}

/// Returns the problem of an invalid query.
pub(in crate::compat::opensearch) fn refused(what: &str) -> Problem {
    Problem::new(Kind::BadQuery, what)
}
