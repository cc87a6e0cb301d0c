//! Going over a whole table in pieces, each of which takes no longer than a call may.
//!
//! A statement about all rows of a table is tried first: mostly an index makes it short. Where it takes longer than a
//! call may, the table is read in the order of its keys, a number of rows at a time whatever they say, so that each
//! call has a bound. What is too much in one call is asked for in smaller pieces; what is little, in larger ones. A
//! row alone that takes too long is an error like any other. How far it has come is in the partition's progress.

use std::time::Duration;

use lethe_common::job::StoreKind;
use lethe_common::ledger::Lease;
use lethe_common::metrics::StoreCall;
use serde::{Deserialize, Serialize};

use crate::cursor::{Cursor, Walk};
use crate::environment::Environment;
use crate::lease_guard::LeaseGuard;
use crate::mapped::Mapped;
use crate::stop::Stop;
use crate::store::StoreError;
use crate::store::sql::{Keys, SqlTable};

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

/// Returns the key at which a piece ends; `None`: with the last of `keys`.
pub(crate) async fn end(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    piece: &Piece,
    through: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let end = table.stretch(piece.keys(through), piece.rows);
    env.call(mapped, StoreKind::Sql, StoreCall::Page, end).await
}

/// Says that a call about a whole table took too long, and that it is gone over in pieces; an error if the store does
/// not answer at all.
pub(crate) async fn begin(lease: &Lease, table: &SqlTable) -> Result<(), StoreError> {
    table.ping().await?;
    tracing::info!(
        job.id = %lease.job.id,
        partition = lease.ordinal,
        target = lease.route.target,
        table = lease.route.table,
        "a call about a whole table took too long: it is read in pieces"
    );
    Ok(())
}

/// Records how far a look at the whole table is, in the progress of the partition, and goes on with it.
pub(crate) async fn save(env: &Environment, lease: &mut LeaseGuard, walk: Option<Walk>) -> Result<(), Stop> {
    let cursor = Cursor {
        walk,
        ..Cursor::of(lease)
    };
    lease.save(env, cursor.text()).await
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
