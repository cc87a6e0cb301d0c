//! Reading JSON. Errors name the place of a fault, and never repeat a value.

use axum::extract::rejection::QueryRejection;
use serde::de::{DeserializeOwned, Deserializer, Error};

use crate::http::exact;
use crate::http::problem::{Kind, Problem};

/// The fields of later versions. They are refused by name, so that no caller relies on them.
const LATER: [&str; 3] = ["priority", "callback_url", "metadata"];

/// The most characters of an unknown field's name that an error repeats.
const MAX_NAME: usize = 64;

/// The most characters of a place that an error repeats. The places of known fields are shorter.
const MAX_PLACE: usize = 256;

/// Reads a body.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let path = error.path().to_string();
        refusal(&path, error.inner())
    })?;
    from.end().map_err(|error| refusal(".", &error))?;
    if exact::is_rounded(bytes) {
        return Err(Problem::invalid("the body", exact::INSTEAD));
    }
    Ok(read)
}

/// Returns the problem of a query.
pub(crate) fn of_query(rejection: &QueryRejection) -> Problem {
    // Only the end of axum's text is about the query. It names fields, and may hold values.
    let text = std::error::Error::source(rejection).map_or_else(|| rejection.to_string(), ToString::to_string);
    described(".", text.rsplit_once(": ").map_or(text.as_str(), |(_, end)| end))
}

fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if text.starts_with("recursion limit exceeded") {
        return Problem::new(Kind::Malformed, "write JSON that nests less deep");
    }
    if !error.is_data() {
        let at = format!(
            "write valid JSON: the fault is in line {}, column {}",
            error.line(),
            error.column()
        );
        return Problem::new(Kind::Malformed, at);
    }
    described(path, &text)
}

/// Turns serde's text about the field at `path` into a problem without values.
fn described(path: &str, text: &str) -> Problem {
    let named = text.split('`').nth(1).unwrap_or_default();
    if text.starts_with("unknown field ") {
        if LATER.contains(&named) {
            return Problem::new(
                Kind::NotSupported,
                format!("`{named}` is not supported yet: leave it out"),
            );
        }
        let known = text.rsplit_once(", expected ").map_or("", |(_, known)| known);
        let known = without_place(known);
        // A deletion takes no deadline: it follows from these.
        if named == "deadline" && known.contains("`regulation`") && known.contains("`received_at`") {
            let instead = "write `regulation` and `received_at` in its place";
            return Problem::invalid(&inside(path, named), instead);
        }
        return Problem::invalid(
            &inside(path, named),
            format_args!("unknown field: leave it out, or write {known}"),
        );
    }
    if text.starts_with("duplicate field ") {
        return Problem::invalid(&inside(path, named), "write this field once");
    }
    if text.starts_with("missing field ") {
        return Problem::invalid(&inside(path, named), "write this field: it is required");
    }
    let field = match path {
        "." => "the body".to_owned(),
        path => printable(path, MAX_PLACE),
    };
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => Problem::invalid(&field, format_args!("write {}", word(without_place(expected)))),
        None => Problem::invalid(&field, "write what /openapi.json describes"),
    }
}

/// Returns the place of a field. The path ends with the field's name if serde has read it.
fn inside(path: &str, name: &str) -> String {
    let whole = path
        .strip_suffix(name)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    match path {
        "." => short(name),
        path if whole => printable(path, MAX_PLACE),
        path => format!("{}.{}", printable(path, MAX_PLACE), short(name)),
    }
}

/// Returns the part of a name that an error repeats.
pub(crate) fn short(name: &str) -> String {
    printable(name, MAX_NAME)
}

fn printable(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

/// Removes ` at line 1 column 2`.
fn without_place(text: &str) -> &str {
    text.split_once(" at line ").map_or(text, |(text, _)| text)
}

/// Returns JSON's word for one of Rust's.
fn word(expected: &str) -> &str {
    match expected {
        "a sequence" => "a list",
        "a boolean" => "true or false",
        other => other,
    }
}

/// Reads an optional field that must not be `null`. Otherwise a caller that forgot to fill in a condition would erase
/// without it.
pub(crate) fn given<'de, T: serde::Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Reads a whole number of at least 1.
pub(crate) fn positive<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    struct Positive;
    impl serde::de::Visitor<'_> for Positive {
        type Value = u64;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(POSITIVE)
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
            // The ledger's numbers are signed.
            if number == 0 || i64::try_from(number).is_err() {
                return Err(E::invalid_value(serde::de::Unexpected::Unsigned(number), &self));
            }
            Ok(number)
        }
    }
    from.deserialize_u64(Positive).map(Some)
}

/// The description of the numbers that [`positive`] reads.
pub(crate) const POSITIVE: &str = "a whole number of at least 1";

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields, expecting = "an object")]
    #[expect(dead_code, reason = "only what is refused matters here")]
    struct Sample {
        #[serde(default, deserialize_with = "given")]
        owner: Option<String>,
        #[serde(default, deserialize_with = "positive")]
        limit: Option<u64>,
        ids: Vec<String>,
        #[serde(default)]
        inner: Inner,
    }

    #[derive(Deserialize, Debug, Default)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused matters here")]
    struct Inner {
        #[serde(default)]
        limit: u8,
    }

    fn detail(text: &str) -> String {
        read::<Sample>(text.as_bytes()).unwrap_err().detail
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place_and_never_by_its_value() {
        let secret = "s3cret, expected or `not`";
        insta::assert_snapshot!(
            [
                &format!(r#"{{"ids": ["a", 3], "owner": "{secret}"}}"#),
                &format!(r#"{{"ids": "{secret}"}}"#),
                r#"{"ids": [], "owner": null}"#,
                r#"{"ids": [], "limit": 0}"#,
                r#"{"ids": [], "limit": -5}"#,
                r#"{"ids": [], "limit": 1.5}"#,
                &format!(r#"{{"ids": [], "limit": "{secret}"}}"#),
                r#"{"ids": [], "ids": []}"#,
                r#"{"owner": "o"}"#,
                r#"{"ids": [], "colour": 1}"#,
                r#"{"ids": [], "inner": {"colour": 1}}"#,
                r#"{"ids": [], "inner": {"limit": 1, "limit": 1}}"#,
                r#"{"ids": [], "callback_url": "x"}"#,
                "[]",
                r#"{"ids": []} x"#,
                "{",
                "",
            ]
            .map(detail)
            .join("\n"),
            @r#"
        `ids[1]`: write a string
        `ids`: write a list
        `owner`: write a string
        `limit`: write a whole number of at least 1
        `limit`: write a whole number of at least 1
        `limit`: write a whole number of at least 1
        `limit`: write a whole number of at least 1
        `ids`: write this field once
        `ids`: write this field: it is required
        `colour`: unknown field: leave it out, or write one of `owner`, `limit`, `ids`, `inner`
        `inner.colour`: unknown field: leave it out, or write `limit`
        `inner.limit`: write this field once
        `callback_url` is not supported yet: leave it out
        `the body`: write an object
        write valid JSON: the fault is in line 1, column 13
        write valid JSON: the fault is in line 1, column 1
        write valid JSON: the fault is in line 1, column 0
        "#
        );
    }
}
