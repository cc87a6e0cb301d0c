//! The outcomes of the memories of a batch in each store.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{Outcome, StoreKind};

use super::batch_part::BatchPart;
use super::read_back::ReadBack;
use super::stopped::{Stopped, Went};
use super::target::{Target, targets};
use crate::holds::Keeper;
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
    /// The hold that keeps it. A memory that has lost its vector counts for no hold.
    pub(super) held: Option<Keeper>,
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

    /// Returns the outcome of a memory with a disagreeing point. `some` says whether other points were deleted.
    fn disagreeing(some: bool) -> Self {
        let conflict = (Outcome::Conflicted, Some(POINT_CONFLICT));
        if some {
            Self::plain((Outcome::Failed, Some(SPLIT)), conflict)
        } else {
            Self::plain(conflict, conflict)
        }
    }

    /// Returns the outcome of a memory that was stopped before its row was deleted.
    fn stopped(target: &Target<'_>, went: &Went) -> Self {
        match went {
            Went::None => Self::disagreeing(false),
            Went::Some => Self::disagreeing(true),
            Went::Held { some, by } => match row_of_held(target) {
                Outcome::Held if *some => Self::plain((Outcome::Failed, Some(SPLIT)), (Outcome::Held, None)),
                sql => Self::held(sql, Some(by)),
            },
        }
    }

    /// Returns the outcome of a memory that a hold keeps. `sql` is the outcome of its row.
    fn held(sql: Outcome, by: Option<&Keeper>) -> Self {
        Self {
            held: by.cloned(),
            ..Self::plain((sql, None), (Outcome::Held, None))
        }
    }

    fn plain(sql: (Outcome, Option<ErrorCode>), vector: (Outcome, Option<ErrorCode>)) -> Self {
        Self {
            sql,
            vector,
            refused: None,
            kept: Vec::new(),
            held: None,
        }
    }
}

/// Returns the outcome of the row of a memory that a hold keeps, if only as far as its points.
fn row_of_held(target: &Target<'_>) -> Outcome {
    let entry = target.entry;
    let is_there = entry.seen.row.is_some() && entry.seen.dropped != Some(Dropped::HeldPoints);
    if entry.row && is_there {
        Outcome::Held
    } else if entry.row && !target.fresh {
        // Only an earlier attempt can have deleted it.
        Outcome::Erased
    } else {
        Outcome::Absent
    }
}

/// The code of a vector that was still there after it was deleted.
const KEPT: ErrorCode = ErrorCode::Kept;

/// The code of a memory whose row dropped out after its vector was deleted.
const SPLIT: ErrorCode = ErrorCode::Split;

/// The code of a memory with a point that names another owner.
const POINT_CONFLICT: ErrorCode = ErrorCode::PointConflict;

/// The result of deleting a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Row {
    /// There was no row to delete.
    None,
    Deleted,
    /// It was already gone.
    Gone,
    /// It exists, but no longer meets the conditions.
    DroppedOut,
    /// It exists, and this hold keeps it.
    Held(Keeper),
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
        Some(went) => MemoryOutcome::stopped(&target, went),
        None => meet(&target, &row, read_back),
    });
    parts
        .iter()
        .map(|part| met.by_ref().take(part.intent.entries.len()).collect())
        .collect()
}

fn meet(target: &Target<'_>, row: &Row, read_back: ReadBack) -> MemoryOutcome {
    let entry = target.entry;
    if let Some(met) = set_aside(target) {
        return met;
    }
    let sql = match row {
        Row::Held(by) => return kept_row(entry.vectors.go(), by, &read_back),
        Row::Deleted => (Outcome::Erased, None),
        // In the attempt that wrote the intent, another client deleted the row. Later, an earlier
        // attempt did.
        Row::Gone => (if target.fresh { Outcome::Absent } else { Outcome::Erased }, None),
        Row::DroppedOut if entry.vectors.go() => (Outcome::Failed, Some(SPLIT)),
        Row::DroppedOut => (Outcome::Conflicted, None),
        Row::Refused(code) => (Outcome::Failed, Some(*code)),
        Row::None if entry.vectors == Vectors::Changed => (Outcome::Conflicted, None),
        Row::None => (Outcome::Absent, None),
    };
    let mut kept = Vec::new();
    let vector = match (entry.vectors, read_back) {
        (Vectors::Unverifiable, _) => (Outcome::Unverifiable, None),
        // The row stayed with another owner, who may have written the vector again.
        (vectors, ReadBack::Kept(_)) if *row == Row::DroppedOut => (
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
        Row::Refused(code) => Some(*code),
        _ => None,
    };
    MemoryOutcome {
        sql,
        vector,
        refused,
        kept,
        held: None,
    }
}

/// Returns the outcome of a memory whose row a hold kept at the last moment. `went` says whether its points are deleted.
fn kept_row(went: bool, by: &Keeper, read_back: &ReadBack) -> MemoryOutcome {
    if !went {
        return MemoryOutcome::held(Outcome::Held, Some(by));
    }
    let vector = match read_back {
        ReadBack::Gone => Outcome::Erased,
        // A client wrote it again. It is not deleted again.
        ReadBack::Kept(_) | ReadBack::Changed => Outcome::Held,
    };
    MemoryOutcome::plain((Outcome::Failed, Some(SPLIT)), (vector, None))
}

/// Returns the outcome of a memory if it was skipped.
fn set_aside(target: &Target<'_>) -> Option<MemoryOutcome> {
    let entry = target.entry;
    let conflict = (Outcome::Conflicted, Some(POINT_CONFLICT));
    match entry.seen.dropped {
        _ if entry.vectors == Vectors::Disagree => Some(MemoryOutcome::plain(conflict, conflict)),
        Some(Dropped::Disagrees) => Some(MemoryOutcome::disagreeing(false)),
        Some(Dropped::DisagreesPartly) => Some(MemoryOutcome::disagreeing(true)),
        Some(Dropped::Split) => {
            // A hold keeps the points that are left.
            let is_left = entry.vectors == Vectors::Crowd || !entry.seen.points.is_empty();
            let is_held = entry.seen.held_by.is_some() && is_left;
            let vector = if is_held { Outcome::Held } else { Outcome::Erased };
            Some(MemoryOutcome::plain((Outcome::Failed, Some(SPLIT)), (vector, None)))
        }
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
        Some(Dropped::Held | Dropped::HeldPoints) => {
            Some(MemoryOutcome::held(row_of_held(target), entry.seen.held_by.as_ref()))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::intent::{Entry, Seen};
    use crate::store::{Conditions, RowOwner};

    const SPLIT_ROW: (Outcome, Option<ErrorCode>) = (Outcome::Failed, Some(SPLIT));

    /// Returns a memory with a row and this decision about its points.
    fn entry(vectors: Vectors, dropped: Option<Dropped>) -> Entry {
        Entry {
            id: Some("1".to_owned()),
            row: true,
            vectors,
            seen: Seen {
                row: Some(RowOwner::default()),
                dropped,
                held_by: dropped.map(|_| Keeper::named("case")),
                ..Seen::default()
            },
            ..Entry::default()
        }
    }

    fn of(entry: &Entry, fresh: bool, met: impl FnOnce(&Target<'_>) -> MemoryOutcome) -> MemoryOutcome {
        let conditions = Conditions::default();
        met(&Target {
            entry,
            conditions: &conditions,
            fresh,
            part: 0,
        })
    }

    fn plain(outcome: Outcome) -> (Outcome, Option<ErrorCode>) {
        (outcome, None)
    }

    #[test]
    fn a_held_memory_is_held_in_both_stores_and_counts_for_its_hold() {
        let held = entry(Vectors::OfRow, Some(Dropped::Held));
        let met = of(&held, true, |target| meet(target, &Row::None, ReadBack::Gone));
        assert_eq!((met.sql, met.vector), (plain(Outcome::Held), plain(Outcome::Held)));
        assert_eq!(met.held, Some(Keeper::named("case")));
    }

    #[test]
    fn held_points_say_nothing_against_a_row_that_an_earlier_attempt_deleted() {
        let mut held = entry(Vectors::OfRow, Some(Dropped::HeldPoints));
        held.seen.row = None;
        for (fresh, sql) in [(true, Outcome::Absent), (false, Outcome::Erased)] {
            let met = of(&held, fresh, |target| meet(target, &Row::None, ReadBack::Gone));
            assert_eq!((met.sql, met.vector), (plain(sql), plain(Outcome::Held)));
        }
        held.row = false;
        let met = of(&held, false, |target| meet(target, &Row::None, ReadBack::Gone));
        assert_eq!(met.sql, plain(Outcome::Absent));
    }

    #[test]
    fn a_split_memory_that_is_held_has_lost_its_vector_only_if_no_point_is_left() {
        let mut split = entry(Vectors::OfRow, Some(Dropped::Split));
        let met = of(&split, false, |target| meet(target, &Row::None, ReadBack::Gone));
        assert_eq!((met.sql, met.vector), (SPLIT_ROW, plain(Outcome::Erased)));
        split.vectors = Vectors::Crowd;
        let met = of(&split, false, |target| meet(target, &Row::None, ReadBack::Gone));
        assert_eq!((met.sql, met.vector), (SPLIT_ROW, plain(Outcome::Held)));
        assert!(met.held.is_none(), "the job failed");
        split.seen.held_by = None;
        let met = of(&split, false, |target| meet(target, &Row::None, ReadBack::Gone));
        assert_eq!(met.vector, plain(Outcome::Erased));
    }

    #[test]
    fn a_row_that_is_held_at_the_last_moment_is_split_if_its_vector_went() {
        let row = Row::Held(Keeper::named("case"));
        let with_points = entry(Vectors::OfRow, None);
        let kept = ReadBack::Kept(vec![PointId::Num(1)]);
        for (read_back, vector) in [(ReadBack::Gone, Outcome::Erased), (kept, Outcome::Held)] {
            let met = of(&with_points, true, |target| meet(target, &row, read_back));
            assert_eq!((met.sql, met.vector), (SPLIT_ROW, plain(vector)));
            assert!(
                met.held.is_none() && !met.is_kept(),
                "no retry deletes the vector again"
            );
        }
        let without = entry(Vectors::None, None);
        let met = of(&without, true, |target| meet(target, &row, ReadBack::Gone));
        assert_eq!((met.sql, met.held.is_some()), (plain(Outcome::Held), true));
    }

    #[test]
    fn a_crowd_that_is_held_on_the_way_is_split_only_if_a_part_of_it_went() {
        let by = Keeper::named("case");
        let mut crowd = entry(Vectors::Crowd, None);
        for (some, row, sql) in [(true, true, SPLIT_ROW), (false, true, plain(Outcome::Held))] {
            crowd.row = row;
            let went = Went::Held { some, by: by.clone() };
            let met = of(&crowd, true, |target| MemoryOutcome::stopped(target, &went));
            assert_eq!((met.sql, met.vector), (sql, plain(Outcome::Held)));
            assert_eq!(met.held.is_none(), some);
        }
        (crowd.row, crowd.seen.row) = (false, None);
        let went = Went::Held { some: true, by };
        let met = of(&crowd, true, |target| MemoryOutcome::stopped(target, &went));
        assert_eq!((met.sql, met.vector), (plain(Outcome::Absent), plain(Outcome::Held)));
    }
}
