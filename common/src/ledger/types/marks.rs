//! Marks: a caller's own words about a job or a schedule, by which it finds them again.
//!
//! Callers declare them free of personal data. So they stay until the job itself is deleted.

use std::collections::BTreeMap;

use serde_json::json;

/// The reference and the labels of a job or a schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// The name of the request in another system, such as a ticket.
    pub reference: Option<String>,
    /// Values by key.
    pub labels: BTreeMap<String, String>,
}

/// A filter by marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkFilter {
    /// Only with this reference.
    pub reference: Option<String>,
    /// Only with this value of this key.
    pub label: Option<(String, String)>,
}

impl Marks {
    /// Returns the labels as the ledger stores them; `None` without any.
    pub(in crate::ledger) fn labels_text(&self) -> Option<String> {
        (!self.labels.is_empty()).then(|| json!(self.labels).to_string())
    }

    /// Returns the labels as the index of labels has them.
    pub(in crate::ledger) fn pairs(&self) -> impl Iterator<Item = String> {
        self.labels.iter().map(|(key, value)| Self::pair(key, value))
    }

    /// Returns a label as the index of labels has it.
    // No key has a colon, so two labels never have the same text.
    pub(in crate::ledger) fn pair(key: &str, value: &str) -> String {
        format!("{key}:{value}")
    }
}

impl MarkFilter {
    /// Returns conditions on the columns, with the text that each binds as `?`.
    // In stored JSON each quote inside a string has a backslash before it. So `"key":"value"` with its quotes is found only
    // where it is a pair. Both databases compare bytes here.
    pub(in crate::ledger) fn conditions(&self) -> [(&'static str, Option<String>); 2] {
        let label = self
            .label
            .as_ref()
            .map(|(key, value)| format!("{}:{}", json!(key), json!(value)));
        [
            ("reference = ?", self.reference.clone()),
            ("REPLACE(labels, ?, '') <> labels", label),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_found_only_where_it_is_one() {
        let marks = |pairs: &[(&str, &str)]| Marks {
            reference: None,
            labels: pairs
                .iter()
                .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        };
        let has = |marks: &Marks, key: &str, value: &str| {
            let filter = MarkFilter {
                reference: None,
                label: Some((key.to_owned(), value.to_owned())),
            };
            let [_, (_, pair)] = filter.conditions();
            marks.labels_text().unwrap().contains(&pair.unwrap())
        };
        let some = marks(&[("team", "privacy \"a\""), ("x.team", "b")]);
        assert!(has(&some, "team", "privacy \"a\"") && has(&some, "x.team", "b"));
        assert!(!has(&some, "team", "b") && !has(&some, "team", "privacy"));
        assert!(!has(&marks(&[("note", "\"team\":\"b\"")]), "team", "b"));
        assert_eq!(marks(&[]).labels_text(), None);
    }
}
