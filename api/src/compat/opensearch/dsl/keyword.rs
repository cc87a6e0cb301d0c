//! Values as keywords. In JSON a number and a text differ. For OpenSearch they are equal if they are written alike.

use lethe_common::filter::{Bounds, Filter, Has, Path, Scalar};
use serde_json::Value;

use super::reader::Reader;
use super::syntax::refused;
use crate::deletion::query;
use crate::http::problem::Problem;

/// Returns a value and the other value of the same keyword: `5` is `"5"`.
///
/// `"5.0"` is not the keyword of the number 5, but equals 5 in a numeric field. The field's type is unknown here. So it
/// counts as that number only where matching memories are kept (`excludes`).
pub(super) fn same(value: Scalar, excludes: bool) -> Vec<Scalar> {
    let other = match &value {
        Scalar::Text(text) => {
            let read: Option<Value> = serde_json::from_str(text).ok();
            let read = read.filter(|read| !read.is_string()).as_ref().and_then(query::scalar);
            // `05` and `5` are different keywords.
            read.filter(|read| {
                matches!(read, Scalar::Float(_)) && excludes || written(read) == *text && !is_round(read)
            })
        }
        value => Some(Scalar::Text(written(value))),
    };
    std::iter::once(value).chain(other).collect()
}

/// Returns conditions for the other values of a keyword in a column of JSON. Other columns match none of them.
pub(super) fn twins(path: &Path, value: &Scalar) -> Vec<Filter> {
    let other = |twin: Scalar| match twin {
        Scalar::Bool(_) => Filter::OneOf {
            path: path.clone(),
            values: vec![twin],
        },
        twin => Filter::Range {
            path: path.clone(),
            bounds: Bounds {
                gte: Some(twin.clone()),
                lte: Some(twin),
                loose: true,
                ..Bounds::default()
            },
        },
    };
    same(value.clone(), true).into_iter().skip(1).map(other).collect()
}

/// Returns whether a value is a float with a whole number.
fn is_round(value: &Scalar) -> bool {
    matches!(value, Scalar::Float(number) if number.fract() == 0.0)
}

/// Returns a value in Java's notation, which OpenSearch uses.
fn written(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => text.clone(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Float(number) => {
            let size = number.abs();
            if size == 0.0 || (1e-3..1e7).contains(&size) {
                return format!("{number:?}");
            }
            let text = format!("{number:E}");
            match text.split_once('E') {
                Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
                _ => text,
            }
        }
    }
}

/// Returns whether a written number can contain this text.
fn is_of_number(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let unsigned = |part: &str| digits(part.strip_prefix(['+', '-']).unwrap_or(part));
    let is_number = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => unsigned(number) && unsigned(exponent),
        None => unsigned(text),
    };
    is_number && !text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

impl Reader<'_> {
    /// Returns the filter for texts with `text` in them. Where matching memories are kept, booleans in JSON count as
    /// texts, and a `text` that a number can contain is refused.
    pub(super) fn with_keywords(&self, query: &str, path: &Path, has: Has, text: &str) -> Result<Filter, Problem> {
        let texts = Filter::Text {
            path: path.clone(),
            has,
            text: text.to_owned(),
        };
        if !self.excludes || path.steps.is_empty() || text.is_empty() {
            return Ok(texts);
        }
        let is_in = |word: &str| match has {
            Has::Prefix => word.starts_with(text),
            Has::Part => word.contains(text),
        };
        if is_of_number(text) {
            return Err(refused(&format!(
                "[{query}] of digits under must_not would not keep matching numbers: write [term] or [range]"
            )));
        }
        let words = [true, false].into_iter().filter(|word| is_in(&word.to_string()));
        let values: Vec<Scalar> = words.map(Scalar::Bool).collect();
        if values.is_empty() {
            return Ok(texts);
        }
        let path = path.clone();
        let any = vec![texts, Filter::OneOf { path, values }];
        Ok(Filter::Or { any, at_least: 1 })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_the_keyword_that_java_writes() {
        for (number, text) in [
            (5.0, "5.0"),
            (-0.0, "-0.0"),
            (2.5, "2.5"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.25e10, "1.25E10"),
        ] {
            assert_eq!(written(&Scalar::Float(number)), text);
        }
    }

    #[test]
    fn a_text_may_be_a_part_of_a_number() {
        for part in ["5", "-", "-1", "1.", ".5", "1e", "E5", "2e-3", "2024"] {
            assert!(is_of_number(part), "{part}");
        }
        for other in ["a", "e", "2024-01", "5x", "1-", "é"] {
            assert!(!is_of_number(other), "{other}");
        }
    }

    #[test]
    fn what_is_written_alike_is_the_same_keyword() {
        let same = |value: serde_json::Value, excludes: bool| {
            let value = crate::deletion::query::scalar(&value).unwrap();
            json!(super::same(value, excludes))
        };
        for (value, keywords, kept) in [
            (json!("5"), json!(["5", 5]), json!(["5", 5])),
            (json!(5), json!([5, "5"]), json!([5, "5"])),
            (json!("5.0"), json!(["5.0"]), json!(["5.0", 5.0])),
            (json!(5.0), json!([5.0, "5.0"]), json!([5.0, "5.0"])),
            (json!("5.50"), json!(["5.50"]), json!(["5.50", 5.5])),
            (json!("5.5"), json!(["5.5", 5.5]), json!(["5.5", 5.5])),
            (json!("05"), json!(["05"]), json!(["05"])),
            (json!("true"), json!(["true", true]), json!(["true", true])),
            (json!("[1]"), json!(["[1]"]), json!(["[1]"])),
        ] {
            assert_eq!(same(value.clone(), false), keywords, "{value}");
            assert_eq!(same(value.clone(), true), kept, "{value}");
        }
    }
}
