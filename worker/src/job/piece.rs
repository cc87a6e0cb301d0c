//! A piece of a table: so many rows in the order of their keys, whatever they say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::sql::Keys;

/// How many rows the first piece has.
const FIRST: u64 = 100_000;

/// The most rows of a piece: to skip as many keys takes a while too.
const MOST: u64 = 5_000_000;

/// By how much a piece gets smaller.
// Few steps down to one row: each takes as long as a call may.
const SMALLER: u64 = 8;

/// The part of a call's time that a piece has to stay below for the next one to be larger.
const FAST: u32 = 8;

/// A piece of a table, which is read in the order of its keys.
// Ids inside: no `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// The last key that was gone over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// How many rows to go over; 0: all, since nothing says that this takes long.
    #[serde(default)]
    pub(crate) rows: u64,
}

impl Piece {
    /// Returns the first of several pieces beyond a key.
    pub(crate) fn first(after: Option<String>) -> Self {
        Self { after, rows: FIRST }
    }

    /// Returns the piece beyond this one, which ended at `end` and took so long.
    pub(crate) fn then(&self, end: String, took: Duration, limit: Duration) -> Self {
        let rows = if took < limit / FAST {
            (self.rows * 2).min(MOST)
        } else {
            self.rows
        };
        let after = Some(end);
        Self { after, rows }
    }

    /// Returns less of the same; `None` if it is one row.
    pub(crate) fn smaller(&self) -> Option<Self> {
        (self.rows > 1).then(|| Self {
            after: self.after.clone(),
            rows: (self.rows / SMALLER).max(1),
        })
    }

    /// Returns the keys of the piece, which ends at `end`.
    pub(crate) fn keys<'k>(&'k self, end: Option<&'k str>) -> Keys<'k> {
        Keys {
            after: self.after.as_deref(),
            through: end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_follows_what_calls_take() {
        let limit = Duration::from_secs(8);
        let first = Piece::first(None);
        let then = |took| first.then("a".to_owned(), took, limit);
        assert_eq!(then(Duration::from_millis(999)).rows, 2 * FIRST);
        assert_eq!(then(Duration::from_secs(1)).rows, FIRST);
        assert_eq!(then(limit).after.as_deref(), Some("a"));
        let most = (0..64).fold(first.clone(), |piece, _| {
            piece.then("a".to_owned(), Duration::ZERO, limit)
        });
        assert_eq!(most.rows, MOST);
        let sizes: Vec<u64> = std::iter::successors(Some(first), Piece::smaller)
            .map(|piece| piece.rows)
            .collect();
        assert_eq!(sizes, [100_000, 12_500, 1_562, 195, 24, 3, 1]);
    }
}
