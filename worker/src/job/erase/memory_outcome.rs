//! The outcomes of the memories of a batch in each store.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{Outcome, StoreKind};

use super::batch_part::BatchPart;
use super::read_back::ReadBack;
use super::stopped::{Stopped, Went};
use super::target::{Target, targets};
use crate::job::intent::{Dropped, Vectors};
use crate::store::vector::PointId;

/// The outcome of a memory in each store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MemoryOutcome {
    sql: (Outcome, Option<ErrorCode>),
    vector: (Outcome, Option<ErrorCode>),
    /// The error code if the database refuses to delete its row.
    pub(super) refused: Option<ErrorCode>,
    /// The points that existed after their deletion, or were written since.
    pub(super) kept: Vec<PointId>,
}

impl MemoryOutcome {
    pub(super) fn iter(&self) -> impl Iterator<Item = (StoreKind, Outcome, Option<ErrorCode>)> {
        [
            (StoreKind::Sql, self.sql.0, self.sql.1),
            (StoreKind::Vector, self.vector.0, self.vector.1),
        ]
        .into_iter()
    }

    /// Returns whether it was erased from a store.
    pub(super) fn is_erased(&self, store: StoreKind) -> bool {
        self.iter()
            .any(|(met, outcome, _)| (met, outcome) == (store, Outcome::Erased))
    }

    /// Returns whether a vector was still there after it was deleted.
    pub(super) fn is_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Returns the outcome of a memory with a disagreeing point. `went` says whether other points were deleted.
    fn stopped(went: Went) -> Self {
        let conflict = (Outcome::Conflicted, Some(POINT_CONFLICT));
        match went {
            Went::Some => Self::plain((Outcome::Failed, Some(SPLIT)), conflict),
            Went::None => Self::plain(conflict, conflict),
        }
    }

    fn plain(sql: (Outcome, Option<ErrorCode>), vector: (Outcome, Option<ErrorCode>)) -> Self {
        Self {
            sql,
            vector,
            refused: None,
            kept: Vec::new(),
        }
    }
}

/// The code of a vector that was still there after it was deleted.
const KEPT: ErrorCode = ErrorCode::Kept;

/// The code of a memory whose row dropped out after its vector was deleted.
const SPLIT: ErrorCode = ErrorCode::Split;

/// The code of a memory with a point that names another owner.
const POINT_CONFLICT: ErrorCode = ErrorCode::PointConflict;

/// The result of deleting a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// There was no row to delete.
    None,
    Deleted,
    /// It was already gone.
    Gone,
    /// It exists, but no longer meets the conditions.
    DroppedOut,
    /// The database refuses to delete it, and would refuse a retry.
    Refused(ErrorCode),
}

/// Returns the outcome of each memory of each part, in their order. Memories at `stopped` positions kept their rows.
pub(super) fn outcomes(
    parts: &[BatchPart],
    rows: Vec<Row>,
    read_back: Vec<ReadBack>,
    stopped: &Stopped,
) -> Vec<Vec<MemoryOutcome>> {
    let all = targets(parts).into_iter().zip(rows).zip(read_back).enumerate();
    let mut met = all.map(|(place, ((target, row), read_back))| match stopped.get(&place) {
        Some(went) => MemoryOutcome::stopped(*went),
        None => meet(&target, row, read_back),
    });
    parts
        .iter()
        .map(|part| met.by_ref().take(part.intent.entries.len()).collect())
        .collect()
}

fn meet(target: &Target<'_>, row: Row, read_back: ReadBack) -> MemoryOutcome {
    let entry = target.entry;
    if let Some(met) = set_aside(target) {
        return met;
    }
    let sql = match row {
        Row::Deleted => (Outcome::Erased, None),
        // In the attempt that wrote the intent, another client deleted the row. Later, an earlier
        // attempt did.
        Row::Gone => (if target.fresh { Outcome::Absent } else { Outcome::Erased }, None),
        Row::DroppedOut if entry.vectors.go() => (Outcome::Failed, Some(SPLIT)),
        Row::DroppedOut => (Outcome::Conflicted, None),
        Row::Refused(code) => (Outcome::Failed, Some(code)),
        Row::None if entry.vectors == Vectors::Changed => (Outcome::Conflicted, None),
        Row::None => (Outcome::Absent, None),
    };
    let mut kept = Vec::new();
    let vector = match (entry.vectors, read_back) {
        (Vectors::Unverifiable, _) => (Outcome::Unverifiable, None),
        // The row stayed with another owner, who may have written the vector again.
        (vectors, ReadBack::Kept(_)) if row == Row::DroppedOut => (
            if vectors.go() {
                Outcome::Conflicted
            } else {
                Outcome::Absent
            },
            None,
        ),
        (_, ReadBack::Kept(points)) => {
            kept = points;
            (Outcome::Failed, Some(KEPT))
        }
        (Vectors::None, _) => (Outcome::Absent, None),
        // The memory has no row, so the owner of its other points is unknown.
        (Vectors::Partly, _) => (Outcome::Unverifiable, None),
        (vectors, ReadBack::Changed) if vectors.go() && entry.row => (Outcome::Conflicted, Some(POINT_CONFLICT)),
        (Vectors::Changed | Vectors::Disagree, _) | (_, ReadBack::Changed) => (Outcome::Conflicted, None),
        (Vectors::OfRow | Vectors::Orphans | Vectors::Crowd | Vectors::Alone, ReadBack::Gone) => {
            (Outcome::Erased, None)
        }
    };
    let refused = match row {
        Row::Refused(code) => Some(code),
        _ => None,
    };
    MemoryOutcome {
        sql,
        vector,
        refused,
        kept,
    }
}

/// Returns the outcome of a memory if it was skipped.
fn set_aside(target: &Target<'_>) -> Option<MemoryOutcome> {
    let entry = target.entry;
    let conflict = (Outcome::Conflicted, Some(POINT_CONFLICT));
    match entry.seen.dropped {
        _ if entry.vectors == Vectors::Disagree => Some(MemoryOutcome::plain(conflict, conflict)),
        Some(Dropped::Disagrees) => Some(MemoryOutcome::stopped(Went::None)),
        Some(Dropped::DisagreesPartly) => Some(MemoryOutcome::stopped(Went::Some)),
        Some(Dropped::Split) => Some(MemoryOutcome::plain(
            (Outcome::Failed, Some(SPLIT)),
            (Outcome::Erased, None),
        )),
        Some(Dropped::Changed) => {
            let sql = if entry.row {
                Outcome::Conflicted
            } else {
                Outcome::Absent
            };
            let vector = match entry.vectors {
                Vectors::Unverifiable => Outcome::Unverifiable,
                vectors if vectors.go() => Outcome::Conflicted,
                _ => Outcome::Absent,
            };
            Some(MemoryOutcome::plain((sql, None), (vector, None)))
        }
        None => None,
    }
}
