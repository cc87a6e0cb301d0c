//! Conditions that a list has only if its caller asks for them.
//!
//! A condition that is always there and lets everything pass for an empty value would hide its index from PostgreSQL.

use std::fmt::Write as _;

/// Further conditions of a statement, each on one text.
pub(in crate::ledger) struct Only {
    /// The conditions, each after `AND`.
    pub(in crate::ledger) text: String,
    /// The texts to bind, in order.
    pub(in crate::ledger) values: Vec<String>,
    /// The number of values that the statement binds before these.
    before: usize,
}

impl Only {
    /// Returns no condition yet, for a statement that binds `before` values of its own.
    pub(in crate::ledger) fn after(before: usize) -> Self {
        Self {
            text: String::new(),
            values: Vec::new(),
            before,
        }
    }

    /// Adds a condition without a value.
    pub(in crate::ledger) fn require(&mut self, condition: &str) {
        write!(self.text, " AND {condition}").expect("a String takes any text");
    }

    /// Adds a condition if there is a value for its `?`.
    pub(in crate::ledger) fn add(&mut self, condition: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.add_all(condition, [value.into()]);
        }
    }

    /// Adds a condition with a value for each `?`.
    pub(in crate::ledger) fn add_all(&mut self, condition: &str, values: impl IntoIterator<Item = String>) {
        let mut text = String::with_capacity(condition.len());
        let mut values = values.into_iter();
        for (n, part) in condition.split('?').enumerate() {
            if n > 0 {
                self.values.extend(values.next());
                write!(text, "${}", self.before + self.values.len()).expect("a String takes any text");
            }
            text.push_str(part);
        }
        self.require(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_conditions_with_a_value_are_added() {
        let mut only = Only::after(2);
        only.add("a = ?", Some("x"));
        only.add("b = ?", None::<String>);
        only.add("c < ?", Some("y"));
        only.require("d");
        only.add_all("(e = ? OR f IN (?, ?))", ["1", "2", "3"].map(str::to_owned));
        assert_eq!(only.text, " AND a = $3 AND c < $4 AND d AND (e = $5 OR f IN ($6, $7))");
        assert_eq!(only.values, ["x", "y", "1", "2", "3"]);
    }
}
