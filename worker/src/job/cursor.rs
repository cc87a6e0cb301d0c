//! The position of a partition, as the ledger stores it between batches.

use lethe_common::ledger::{Lease, Work};
use lethe_common::selection::Selection;
use serde::{Deserialize, Serialize};

use crate::job::piece::Piece;
use crate::store::Start;
use crate::store::vector::PointId;

/// The position of a partition.
// Ids inside: no `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cursor {
    /// The number of ids in the list that are done.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) at: usize,
    /// The ids that a read-back found. They replace the partition's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<Vec<String>>,
    /// The last key that a query with `max_memories` takes. Rows beyond it are not touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<String>,
    /// The number of memories that a plan has listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) taken: u64,
    /// The selection that a plan has listed, if the job has an expectation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<Selection>,
    /// The last key of a range that is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// The number of rows to scan at a time beyond `after`; 0: no pieces.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) rows: u64,
    /// A scan of the whole table in several calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) walk: Option<Walk>,
    /// The way in which a plan finds its ranges or points.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) ends: Ends,
    /// Whether the plan skipped the table, which cannot hold the demanded values.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) skipped: bool,
    /// Whether the rows are done and the points are under way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) points: bool,
    /// The first point that is not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<PointId>,
    /// The number of rows that the database refused to delete, until it deleted one.
    #[serde(skip_serializing_if = "Refused::is_nothing")]
    pub(crate) refused: Refused,
}

/// The position of a scan of a whole table, in pieces.
// Ids inside: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// The next piece.
    pub(crate) piece: Piece,
    /// In a count: the number of rows so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) n: u64,
    /// In a scan before a query begins: the bound of its snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Start>,
    /// Whether the scan met a row beyond that bound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) beyond: bool,
    /// A row's time that was in the future. It must pass before the scan can restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ahead: Option<Start>,
    /// The number of restarts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) again: u32,
}

impl Walk {
    /// Returns the start of a scan.
    pub(crate) fn first() -> Self {
        Self {
            piece: Piece::first(None),
            n: 0,
            until: None,
            beyond: false,
            ahead: None,
            again: 0,
        }
    }
}

/// The way in which a plan finds the ends of its ranges, or the points that it lists. Each way is the fallback
/// of the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ends {
    /// The database draws a sample of the keys.
    #[default]
    Sampled,
    /// The database counts the rows of each range. For points: one page of matching points has timed out.
    Counted,
    /// The keys, or all points, are read page by page.
    Read,
}

/// The rows of a partition that the database refused to delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// The number of refused rows.
    rows: usize,
    /// Whether the database deleted a row: then it refuses single rows, not the whole table.
    went: bool,
}

/// The number of refused rows, with none deleted, at which a partition is given up.
const ENOUGH: usize = 10;

impl Refused {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the refused and the deleted rows of a batch.
    pub(crate) fn and(self, refused: usize, deleted: usize) -> Self {
        Self {
            rows: self.rows.saturating_add(refused),
            went: self.went || deleted > 0,
        }
    }

    /// Returns whether to give up: further batches would delete vectors but no rows.
    pub(crate) fn is_hopeless(self) -> bool {
        !self.went && self.rows >= ENOUGH
    }
}

fn is_zero<N: Default + PartialEq>(n: &N) -> bool {
    *n == N::default()
}

/// Returns the ids of a partition that lists memories or points.
pub(crate) fn listed(lease: &Lease) -> &[String] {
    match &lease.work {
        Work::Ids(ids) | Work::Listed(ids) => ids,
        Work::Range { .. } | Work::Points | Work::Subject | Work::Query => &[],
    }
}

/// Returns the listed ids that are left to do.
pub(crate) fn ids_left<'a>(lease: &'a Lease, cursor: &'a Cursor) -> &'a [String] {
    let all = cursor.only.as_deref().unwrap_or_else(|| listed(lease));
    all.get(cursor.at..).unwrap_or_default()
}

impl Cursor {
    /// Returns the data that a finished partition keeps for its read-back, if any.
    pub(crate) fn kept(&self) -> Option<String> {
        let kept = Self {
            through: self.through.clone(),
            skipped: self.skipped,
            ..Self::default()
        };
        (kept != Self::default()).then(|| kept.text())
    }

    /// Reads the progress of a lease. Unreadable progress starts over, which is safe since absent is success.
    pub(crate) fn of(lease: &Lease) -> Self {
        lease
            .progress
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Returns whether a plan has begun to cut, after its first scan.
    pub(crate) fn has_begun(&self) -> bool {
        let walk = None;
        Self { walk, ..self.clone() } != Self::default()
    }

    /// Returns the next piece of rows.
    pub(crate) fn piece(&self) -> Piece {
        Piece {
            after: self.after.clone(),
            rows: self.rows,
        }
    }

    /// Returns a new cursor over these ids.
    pub(crate) fn only(ids: Vec<String>) -> Self {
        Self {
            only: Some(ids),
            ..Self::default()
        }
    }

    pub(crate) fn with_refused(mut self, refused: Refused) -> Self {
        self.refused = refused;
        self
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("a cursor has only string keys")
    }
}
