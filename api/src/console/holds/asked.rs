//! The form as a request of `PUT /v1/holds/{name}`. The reader of that route then checks it.

use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};

use crate::console::form::Fields;
use crate::console::later;
use crate::http::json;
use crate::http::object::Object;
use crate::http::problem::Problem;

/// The field with the target and the table, with a slash between them. Empty: all targets.
const PLACE: &str = "place";

/// The fields with a value in each line.
const LISTS: [&str; 3] = ["persons", "ids", "workspaces"];

/// The field with a query, as JSON.
const QUERY: &str = "query";

/// The fields with a text.
const TEXTS: [&str; 3] = ["ground", "by", "reference"];

/// Returns the hold that a form describes.
///
/// # Errors
/// The query is no JSON, or a field is wrong.
pub(super) fn asked<T: DeserializeOwned>(fields: &Fields, now: Timestamp) -> Result<T, Problem> {
    let Object(asked) = json::read(body(fields, now)?.as_bytes())?;
    Ok(asked)
}

/// Returns the body of the request.
// A query stays the text that it is: as a value it would lose a field that is written twice.
fn body(fields: &Fields, now: Timestamp) -> Result<String, Problem> {
    let beside = beside(fields, now);
    let mut parts: Vec<String> = beside
        .iter()
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    let query = fields.value(QUERY).trim();
    if !query.is_empty() {
        // It becomes a part of the body, and must not leave its place.
        json::read::<IgnoredAny>(query.as_bytes()).map_err(|problem| problem.of_field(QUERY))?;
        parts.push(format!("\"{QUERY}\":{query}"));
    }
    Ok(format!("{{{}}}", parts.join(",")))
}

/// Returns the fields beside the query. Values stay as they are: a space may be a part of an id.
fn beside(fields: &Fields, now: Timestamp) -> Map<String, Value> {
    let mut beside = Map::new();
    let chosen = fields.value(PLACE);
    let (target, table) = chosen.split_once('/').unwrap_or((chosen, ""));
    for (name, value) in [("target", target), ("table", table)] {
        if !value.is_empty() {
            beside.insert(name.to_owned(), json!(value));
        }
    }
    for name in LISTS {
        let lines = fields.value(name).lines().filter(|line| !line.trim().is_empty());
        let lines: Vec<&str> = lines.collect();
        if !lines.is_empty() {
            beside.insert(name.to_owned(), json!(lines));
        }
    }
    if !fields.value("everything").is_empty() {
        beside.insert("everything".to_owned(), json!(true));
    }
    for name in TEXTS {
        let value = fields.value(name);
        if !value.trim().is_empty() {
            beside.insert(name.to_owned(), json!(value));
        }
    }
    let until = fields.value("until").trim();
    if !until.is_empty() {
        beside.insert("until".to_owned(), json!(later::time(until.to_owned(), now)));
    }
    beside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made<const N: usize>(pairs: [(&str, &str); N]) -> Result<Value, Option<String>> {
        let now = "2030-01-31T12:00:00Z".parse().expect("a time");
        let body = body(&Fields::of(pairs), now).map_err(|problem| problem.field)?;
        Ok(serde_json::from_str(&body).expect("a body is JSON"))
    }

    #[test]
    fn the_form_is_a_request_of_the_api() {
        let persons = made([
            ("place", "main/memories"),
            ("persons", "ana\r\n\r\n b \r\n"),
            ("ids", ""),
            ("query", " "),
            ("ground", "17(3)(e)"),
            ("by", "Legal, case 77"),
            ("reference", ""),
            ("until", "36h"),
        ]);
        let expected = json!({
            "target": "main", "table": "memories", "persons": ["ana", " b "], "ground": "17(3)(e)",
            "by": "Legal, case 77", "until": "2030-02-02T00:00:00Z"
        });
        assert_eq!(persons, Ok(expected));
        let everything = made([("place", ""), ("everything", "yes"), ("ground", "other")]);
        assert_eq!(everything, Ok(json!({"everything": true, "ground": "other"})));
    }

    #[test]
    fn a_second_selection_stays_in_the_request_so_that_it_is_refused() {
        let both = made([
            ("place", "main"),
            ("persons", "ana"),
            ("ids", "a"),
            ("query", "{\"all\": true}"),
        ]);
        let expected = json!({"target": "main", "persons": ["ana"], "ids": ["a"], "query": {"all": true}});
        assert_eq!(both, Ok(expected));
    }

    #[test]
    fn a_query_cannot_leave_its_place() {
        for breaking in ["{\"all\": true}, \"everything\": true", "{"] {
            assert_eq!(made([("query", breaking)]), Err(Some(QUERY.to_owned())), "{breaking}");
        }
    }
}
