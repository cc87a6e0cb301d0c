//! The faults of a mapping, with advice for the operator.
//!
//! They name tables, columns and fields, never a value of a row.

use std::fmt;

use serde::{Deserialize, Serialize};

// A name with more different letters is probably another thing, not a typing error. In a short name the
// limit is lower: two fifths of its letters.
const FARTHEST: usize = 3;
const FIFTHS: usize = 2;

/// One thing that a mapping needs and the live store does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingFault {
    /// The key in the configuration.
    pub key: String,
    /// The fault: mostly a missing thing.
    pub missing: String,
    /// The advice to the operator, where there is some.
    pub instead: Option<String>,
}

impl MappingFault {
    /// Returns a fault.
    pub fn new(key: impl Into<String>, missing: impl Into<String>, instead: Option<String>) -> Self {
        Self {
            key: key.into(),
            missing: missing.into(),
            instead,
        }
    }
}

impl fmt::Display for MappingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.missing)?;
        if let Some(instead) = &self.instead {
            write!(f, "; {instead}")?;
        }
        Ok(())
    }
}

/// Returns advice with the existing name that is nearest to `wanted`, else with a list of the existing names.
pub(crate) fn nearest<'a>(wanted: &str, existing: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut names: Vec<&str> = existing.into_iter().collect();
    let folded = wanted.to_lowercase();
    let is_near = |distance: usize, name: &str| {
        let length = folded.chars().count().max(name.chars().count());
        distance <= FARTHEST && 5 * distance <= FIFTHS * length
    };
    let near = names
        .iter()
        .map(|name| (distance(&folded, &name.to_lowercase()), *name))
        .min()
        .filter(|(distance, name)| is_near(*distance, name))
        .map(|(_, name)| format!("write `{name}`"));
    if near.is_some() || names.is_empty() {
        return near;
    }
    names.sort_unstable();
    // 20 names can be read at a glance.
    names.truncate(20);
    Some(format!("there are `{}`", names.join("`, `")))
}

// The number of characters to insert, delete or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(
            nearest("user_id", ["id", "userid", "kind"]).as_deref(),
            Some("write `userid`")
        );
        assert_eq!(
            nearest("Memory_ID", ["memory_id"]).as_deref(),
            Some("write `memory_id`")
        );
    }

    #[test]
    fn a_short_name_of_another_thing_is_not_near() {
        assert_eq!(
            nearest("nope", ["noid", "mem"]).as_deref(),
            Some("there are `mem`, `noid`")
        );
        assert_eq!(nearest("id", ["kind", "at"]).as_deref(), Some("there are `at`, `kind`"));
        for (wanted, near) in [
            ("memory", "memories"),
            ("idd", "id"),
            ("mad", "made"),
            ("chunk", "chunk_id"),
        ] {
            assert_eq!(nearest(wanted, [near, "x"]), Some(format!("write `{near}`")));
        }
    }

    #[test]
    fn without_a_near_name_all_are_listed() {
        assert_eq!(
            nearest("owner", ["user_id", "body"]).as_deref(),
            Some("there are `body`, `user_id`")
        );
        assert_eq!(nearest("owner", []), None);
    }
}
