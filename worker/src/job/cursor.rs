//! How far a partition is, as it is written into the ledger between batches.

use lethe_common::ledger::{Lease, Work};
use lethe_common::selection::Selection;
use serde::{Deserialize, Serialize};

use crate::job::piece::Piece;
use crate::store::Start;
use crate::store::vector::PointId;

/// How far a partition is.
// Ids inside: no `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cursor {
    /// How many ids of the list are done.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) at: usize,
    /// The ids that reading back found: they take the place of the partition's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<Vec<String>>,
    /// Of a query that takes only so many: the last key of what it takes; those beyond are left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<String>,
    /// How many memories a plan has listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) taken: u64,
    /// What a plan has listed, if the job says what that has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<Selection>,
    /// The last key of a range that is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// How many rows are gone over at a time to find those beyond `after`; 0: whatever there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) rows: u64,
    /// A look at the whole table that takes more than one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) walk: Option<Walk>,
    /// How a plan finds what it cuts.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) ends: Ends,
    /// Whether the plan skipped the table, which cannot hold what the job demands.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) skipped: bool,
    /// Whether the rows are done and the points are under way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) points: bool,
    /// The first point that is not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<PointId>,
    /// How many rows the database refused to delete, until one went.
    #[serde(skip_serializing_if = "Refused::is_nothing")]
    pub(crate) refused: Refused,
}

/// How far a look at a whole table is.
// Ids inside: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// What comes next.
    pub(crate) piece: Piece,
    /// Of a count: how many rows there were so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) n: u64,
    /// Of a look before a query begins: the bound of what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Start>,
    /// Whether it met a row beyond that bound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) beyond: bool,
    /// A time that lay in the future when it was met: it has to pass before the walk can begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ahead: Option<Start>,
    /// How often it began anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) again: u32,
}

impl Walk {
    /// Returns a walk that begins.
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

/// How a plan finds where its ranges end, or which points it lists; what comes later is for where what comes
/// before is not to be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ends {
    /// The database draws a sample of the keys.
    #[default]
    Sampled,
    /// The database counts the rows of each range. Of points: a page of those that match took too long, once.
    Counted,
    /// The keys, or all points, are read page by page.
    Read,
}

/// What the database has made of a partition's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// How many it refused to delete.
    rows: usize,
    /// Whether it deleted one: then it is the rows that are refused, not the table.
    went: bool,
}

/// How many rows are refused, and none deleted, before a partition is given up.
const ENOUGH: usize = 10;

impl Refused {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what became of a batch's rows.
    pub(crate) fn and(self, refused: usize, deleted: usize) -> Self {
        Self {
            rows: self.rows.saturating_add(refused),
            went: self.went || deleted > 0,
        }
    }

    /// Returns whether nothing speaks for going on: the vectors of the others would go for nothing.
    pub(crate) fn is_hopeless(self) -> bool {
        !self.went && self.rows >= ENOUGH
    }
}

fn is_zero<N: Default + PartialEq>(n: &N) -> bool {
    *n == N::default()
}

/// Returns the ids of a list partition, or of points.
pub(crate) fn listed(lease: &Lease) -> &[String] {
    match &lease.work {
        Work::Ids(ids) | Work::Listed(ids) => ids,
        Work::Range { .. } | Work::Points | Work::Subject | Work::Query => &[],
    }
}

/// Returns the ids of a list partition, or of points, that are left to do.
pub(crate) fn ids_left<'a>(lease: &'a Lease, cursor: &'a Cursor) -> &'a [String] {
    let all = cursor.only.as_deref().unwrap_or_else(|| listed(lease));
    all.get(cursor.at..).unwrap_or_default()
}

impl Cursor {
    /// Returns what a partition that is done keeps for reading it back, if anything.
    pub(crate) fn kept(&self) -> Option<String> {
        let kept = Self {
            through: self.through.clone(),
            skipped: self.skipped,
            ..Self::default()
        };
        (kept != Self::default()).then(|| kept.text())
    }

    /// Reads the progress of a lease; one that cannot be read begins anew, which is safe since
    /// absent is success.
    pub(crate) fn of(lease: &Lease) -> Self {
        lease
            .progress
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Returns whether a plan has come beyond the look before it cuts.
    pub(crate) fn has_begun(&self) -> bool {
        let walk = None;
        Self { walk, ..self.clone() } != Self::default()
    }

    /// Returns where the next rows are.
    pub(crate) fn piece(&self) -> Piece {
        Piece {
            after: self.after.clone(),
            rows: self.rows,
        }
    }

    /// Returns a cursor that begins anew with these ids.
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
