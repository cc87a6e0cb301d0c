//! The reference and the labels of a job: a caller's own words, by which it finds the job again.

use std::collections::BTreeMap;

use lethe_common::ledger::Marks;

use crate::http::problem::Problem;

/// The longest reference, in bytes: a ticket's name or a short URL.
const LONGEST_REFERENCE: usize = 200;

/// The most labels. With the longest ones a job's labels have about 3 KiB.
const MOST: usize = 16;

/// The longest key of a label, in bytes, as in Kubernetes.
const LONGEST_KEY: usize = 63;

/// The longest value of a label, in bytes.
const LONGEST_VALUE: usize = 128;

/// Returns the checked marks of a request.
pub(super) fn marks(reference: Option<String>, labels: Option<BTreeMap<String, String>>) -> Result<Marks, Problem> {
    let labels = labels.unwrap_or_default();
    if labels.len() > MOST {
        return Err(Problem::invalid("labels", format_args!("write at most {MOST} labels")));
    }
    for (key, value) in &labels {
        label(key, value)?;
    }
    let reference = reference.map(self::reference).transpose()?;
    Ok(Marks { reference, labels })
}

/// Refuses a text that cannot be a reference.
pub(crate) fn reference(text: String) -> Result<String, Problem> {
    line("reference", &text, LONGEST_REFERENCE)?;
    Ok(text)
}

/// Reads `key:value`, the filter by a label.
pub(crate) fn pair(text: &str) -> Result<(String, String), Problem> {
    let wrong = || Problem::invalid("label", "write a key, a colon and a value, such as `team:privacy`");
    let (key, value) = text.split_once(':').ok_or_else(wrong)?;
    label(key, value).map_err(|_| wrong())?;
    Ok((key.to_owned(), value.to_owned()))
}

fn label(key: &str, value: &str) -> Result<(), Problem> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
    if !(1..=LONGEST_KEY).contains(&key.len()) || !key.chars().all(is_plain) {
        let what = format_args!("write keys of 1 to {LONGEST_KEY} of the characters a-z, 0-9, _, . and -");
        return Err(Problem::invalid("labels", what));
    }
    line(&format!("labels.{key}"), value, LONGEST_VALUE)
}

/// Refuses a text that is empty, too long, or more than one line.
fn line(field: &str, text: &str, longest: usize) -> Result<(), Problem> {
    if text.is_empty() || text.len() > longest || text.contains(char::is_control) {
        let what = format_args!("write 1 to {longest} bytes without control characters");
        return Err(Problem::invalid(field, what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_bounded() {
        let labels = |n: usize| Some((0..n).map(|n| (format!("key-{n}"), "v".to_owned())).collect());
        assert!(marks(Some("x".repeat(200)), labels(16)).is_ok());
        assert!(marks(None, labels(17)).is_err());
        for reference in ["", "two\nlines", "nul\0", &"x".repeat(201), &"ü".repeat(101)] {
            assert!(marks(Some(reference.to_owned()), None).is_err(), "{reference}");
        }
        let one = |key: &str, value: &str| marks(None, Some([(key.to_owned(), value.to_owned())].into()));
        assert!(one(&"k".repeat(63), &"v".repeat(128)).is_ok() && one("a.b_c-1", "ü: ü").is_ok());
        for (key, value) in [("", "v"), ("Team", "v"), ("a b", "v"), ("k", ""), ("k", "a\tb")] {
            assert!(one(key, value).is_err(), "{key}: {value}");
        }
        assert!(one(&"k".repeat(64), "v").is_err() && one("k", &"v".repeat(129)).is_err());
    }

    #[test]
    fn a_pair_has_a_colon_and_its_value_may_have_more() {
        let read = |text| pair(text).map_err(|problem| problem.field);
        assert_eq!(read("team:privacy"), Ok(("team".to_owned(), "privacy".to_owned())));
        assert_eq!(read("url:https://x"), Ok(("url".to_owned(), "https://x".to_owned())));
        for text in ["team", ":privacy", "team:", "Team:x"] {
            assert_eq!(read(text), Err(Some("label".to_owned())), "{text}");
        }
    }
}
