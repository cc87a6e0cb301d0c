//! The rows that this process has reported as unreadable, so that each is reported once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The most rows to report. More of them have one cause.
const MOST: usize = 1_000;

/// The keys of rows that were reported.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Reported(Mutex<HashSet<String>>);

impl Reported {
    /// Returns whether a row is to be reported, and notes that it was.
    pub(in crate::ledger) fn is_first(&self, row: &str) -> bool {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.len() < MOST && rows.insert(row.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_reported_once_and_the_list_is_bounded() {
        let reported = Reported::default();
        assert!(reported.is_first("0"));
        assert!(!reported.is_first("0"));
        let first = (0..2 * MOST).filter(|n| reported.is_first(&n.to_string()));
        assert_eq!(first.count(), MOST - 1);
    }
}
