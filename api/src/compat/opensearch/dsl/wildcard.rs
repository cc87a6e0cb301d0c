//! `wildcard`: the patterns that a filter can express.

use lethe_common::filter::{Filter, Has, Scalar};
use serde_json::Value;

use super::reader::Reader;
use super::syntax::{refused, value};
use crate::http::problem::Problem;

/// The condition of a pattern on a text.
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Anything,
    Is(String),
    BeginsWith(String),
    Has(String),
}

impl Reader<'_> {
    pub(super) fn wildcard(&self, body: &Value) -> Result<Filter, Problem> {
        let (field, value) = value("wildcard", body, "value")?;
        let Value::String(pattern) = value else {
            return Err(refused("[wildcard] takes a text"));
        };
        let pattern = read(pattern).ok_or_else(|| {
            refused("[wildcard] takes `text`, `text*`, `*text*` or `*`: other patterns are not supported")
        })?;
        let (has, text) = match pattern {
            Pattern::Is(text) => return self.one_of("wildcard", field, vec![Scalar::Text(text)]),
            Pattern::Anything => return Ok(Filter::Exists(self.path(field, "wildcard")?)),
            Pattern::BeginsWith(text) => (Has::Prefix, text),
            Pattern::Has(text) => (Has::Part, text),
        };
        self.text("wildcard", field, has, &text)
    }
}

/// Reads a pattern, if a filter can express it. `*` is any text, `?` is any character, and a backslash escapes both.
fn read(pattern: &str) -> Option<Pattern> {
    let (mut text, mut open, mut closed) = (String::new(), false, false);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '?' => return None,
            '*' if text.is_empty() => open = true,
            '*' => closed = true,
            // Text after the closing `*` has no filter.
            _ if closed => return None,
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
    match (open, text.is_empty(), closed) {
        (false, _, false) => Some(Pattern::Is(text)),
        (true, true, _) => Some(Pattern::Anything),
        (false, _, true) => Some(Pattern::BeginsWith(text)),
        (true, false, true) => Some(Pattern::Has(text)),
        (true, false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_text_a_beginning_a_part_or_anything() {
        for (pattern, expected) in [
            ("", Some(Pattern::Is(String::new()))),
            ("ana", Some(Pattern::Is("ana".to_owned()))),
            ("an*", Some(Pattern::BeginsWith("an".to_owned()))),
            ("an**", Some(Pattern::BeginsWith("an".to_owned()))),
            ("*na*", Some(Pattern::Has("na".to_owned()))),
            ("*", Some(Pattern::Anything)),
            ("**", Some(Pattern::Anything)),
            (r"5\*", Some(Pattern::Is("5*".to_owned()))),
            (r"\?\\*", Some(Pattern::BeginsWith(r"?\".to_owned()))),
            ("*na", None),
            ("a*a", None),
            ("a?a", None),
            (r"a\", None),
        ] {
            assert_eq!(read(pattern), expected, "{pattern}");
        }
    }
}
