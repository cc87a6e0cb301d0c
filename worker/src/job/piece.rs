//! A piece of a table: a number of rows in key order, whether or not they match.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::sql::Keys;

/// The rows of the first piece.
const FIRST: u64 = 100_000;

/// The most rows of a piece: skipping that many keys takes time too.
const MOST: u64 = 5_000_000;

/// The divisor of a piece's size after a timeout.
// Few steps lead down to one row: each takes the whole time limit of a call.
const SMALLER: u64 = 8;

/// The next piece is larger if this one took less than the time limit of a call, divided by this.
const FAST: u32 = 8;

/// A piece of a table, which is read in key order.
// Ids inside: no `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// The key after which the piece begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// The number of rows to scan; 0: all of them, while no call has timed out.
    #[serde(default)]
    pub(crate) rows: u64,
}

impl Piece {
    /// Returns the first of several pieces after a key.
    pub(crate) fn first(after: Option<String>) -> Self {
        Self { after, rows: FIRST }
    }

    /// Returns the piece after this one, which ended at `end` and took the time `took`.
    pub(crate) fn then(&self, end: String, took: Duration, limit: Duration) -> Self {
        let rows = if took < limit / FAST {
            (self.rows * 2).min(MOST)
        } else {
            self.rows
        };
        let after = Some(end);
        Self { after, rows }
    }

    /// Returns a smaller piece that begins at the same key; `None` if this one is a single row.
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
