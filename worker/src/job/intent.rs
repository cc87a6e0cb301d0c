//! The intent of a batch: the memories to erase and their state in the stores, committed under the
//! lease before the first effect.
//!
//! An attempt that finds an intent finishes it by these ids in all stores. The state is part of it, so a
//! memory that an earlier attempt erased still counts as erased.
//!
//! An intent is written and dropped once per batch, so it is small: one character per memory, ids only
//! if the partition does not list them, points only if they do not follow from the id.

use std::collections::BTreeMap;

use lethe_common::ledger::{Lease, Work};
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator};
use uuid::Uuid;

use crate::holds::Keeper;
use crate::job::cursor::{Cursor, ids_left};
use crate::span::About;
use crate::store::vector::{Point, PointId};
use crate::store::{RowLocation, RowOwner};

/// The intent of a batch.
// Ids inside: no `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Intent {
    /// The memories, in the order of the batch.
    pub(crate) entries: Vec<Entry>,
    /// The partition's cursor after this batch; `None` after the last batch.
    pub(crate) then: Option<Cursor>,
    /// The number of times that vectors were still there after their deletion.
    pub(crate) kept: u32,
    /// The dependents' rows that earlier attempts deleted; `None`: no attempt is known to have come that far.
    pub(crate) taken: Option<Taken>,
}

/// The dependents' rows that a batch deleted.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Taken {
    /// The number of rows, by table.
    pub(crate) tables: BTreeMap<String, u64>,
    /// Whether the count is too low: rows of memories were gone, and no attempt is known to have deleted them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) more: bool,
}

/// One memory of a batch, and its state in the stores.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The memory's id; `None` for a point without a row whose memory is unknown.
    pub(crate) id: Option<String>,
    /// Whether it has a row under the job's conditions.
    pub(crate) row: bool,
    /// Its points.
    pub(crate) points: Vec<PointId>,
    /// The decision about its points.
    pub(crate) vectors: Vectors,
    /// The version of its row, if it is needed.
    pub(crate) version: Option<i64>,
    /// The memory as this attempt saw it.
    pub(crate) seen: Seen,
}

/// A memory as one attempt saw it. This is not written: an attempt that finds an intent looks again.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The location of its row.
    pub(crate) place: Option<RowLocation>,
    /// The owner fields of its row; `None`: no row met the job's conditions.
    pub(crate) row: Option<RowOwner>,
    /// Whether its id had a row that is not the job's.
    pub(crate) is_foreign: bool,
    /// The owner fields of that row, if it is outside the mapping's scope.
    pub(crate) outside: Option<RowOwner>,
    /// Its points, as they were.
    pub(crate) points: Vec<Point>,
    /// The reason why the memory drops out of the batch.
    pub(crate) dropped: Option<Dropped>,
    /// Whether an earlier attempt may have deleted points of it.
    pub(crate) went: bool,
    /// The hold that keeps it, if it drops out for one.
    pub(crate) held_by: Option<Keeper>,
}

/// The reason why a memory of an intent is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Its row, or its points, now belong to another owner.
    Changed,
    /// Its row now belongs to another owner, and its vector was already deleted.
    Split,
    /// A point disagrees with the row.
    Disagrees,
    /// A point disagrees with the row, and other points were already deleted.
    DisagreesPartly,
    /// A hold keeps it.
    Held,
    /// A hold keeps its points. It has no row now.
    HeldPoints,
}

/// The decision about the points of a memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, EnumIter)]
pub(crate) enum Vectors {
    /// There are no points that the job may touch.
    #[default]
    None,
    /// Delete them: the row is the job's.
    OfRow,
    /// Delete them: they have no row anywhere, and meet the job's conditions.
    Orphans,
    /// Keep them: they have no row, and their owner is unknown.
    Unverifiable,
    /// Keep them and the row: the memory changed after its job began.
    Changed,
    /// Keep them and the row: a point disagrees with the row.
    Disagree,
    /// Delete them: they are too many to be listed.
    Crowd,
    /// Delete some of them, which have no row. Keep the others, whose owner is unknown.
    Partly,
    /// Delete the point, which has no row, by its own id. Other points of its memory have their own entries.
    Alone,
}

impl Vectors {
    /// Returns whether points are to be deleted.
    pub(crate) fn go(self) -> bool {
        matches!(
            self,
            Self::OfRow | Self::Orphans | Self::Crowd | Self::Partly | Self::Alone
        )
    }
}

/// Returns the character of a memory in an intent.
const fn character(vectors: Vectors, row: bool) -> char {
    let [without_row, with_row] = match vectors {
        Vectors::None => ['-', 'r'],
        Vectors::OfRow => ['v', 'R'],
        Vectors::Orphans => ['o', 'O'],
        Vectors::Unverifiable => ['u', 'U'],
        Vectors::Changed => ['c', 'C'],
        Vectors::Disagree => ['d', 'D'],
        Vectors::Crowd => ['m', 'M'],
        Vectors::Partly => ['p', 'P'],
        Vectors::Alone => ['s', 'S'],
    };
    if row { with_row } else { without_row }
}

/// Returns the state behind a character of an intent: the vectors, and whether the memory has a row.
fn found_as(written: char) -> Option<(Vectors, bool)> {
    let all = Vectors::iter().flat_map(|vectors| [(vectors, false), (vectors, true)]);
    all.into_iter()
        .find(|(vectors, row)| character(*vectors, *row) == written)
}

/// An intent as the ledger stores it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredIntent {
    /// The states, one character per memory.
    found: String,
    /// The ids; absent if they are the next ids of the partition's own list.
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<Option<String>>>,
    /// The points of a memory, by its position; absent if they are the one point that its id, a UUID, names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    points: BTreeMap<usize, Vec<PointId>>,
    /// The versions of the rows; absent if none is needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    versions: Vec<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<Cursor>,
    kept: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<Taken>,
}

impl Intent {
    /// Reads the intent of a lease; `None` if there is none, or an unreadable one. Its batch then starts over,
    /// which is safe, since absent is success.
    pub(crate) fn of(lease: &Lease) -> Option<Self> {
        let read = Self::read(lease, lease.intent.as_deref()?);
        if read.is_none() {
            let about = About::lease(lease);
            tracing::error!(
                job.id = about.job,
                partition = about.partition,
                "an intent cannot be read"
            );
        }
        read
    }

    /// Returns whether a partition was made only for a batch that had begun, and its intent is unreadable. Starting
    /// over would end it with nothing done.
    pub(crate) fn is_lost(lease: &Lease) -> bool {
        let text = lease.intent.as_deref().filter(|_| !has_work(lease));
        text.is_some_and(|text| Self::read(lease, text).is_none())
    }

    fn read(lease: &Lease, text: &str) -> Option<Self> {
        let mut written: StoredIntent = serde_json::from_str(text).ok()?;
        let cursor = Cursor::of(lease);
        let listed = ids_left(lease, &cursor);
        let mut entries = Vec::with_capacity(written.found.len());
        for (n, found) in written.found.chars().enumerate() {
            let (vectors, row) = found_as(found)?;
            let id = match &mut written.ids {
                Some(ids) => ids.get_mut(n)?.take(),
                None => Some(listed.get(n)?.clone()),
            };
            let points = written
                .points
                .remove(&n)
                .unwrap_or_else(|| named(id.as_deref(), vectors));
            entries.push(Entry {
                id,
                row,
                points,
                vectors,
                version: written.versions.get(n).copied().flatten(),
                seen: Seen::default(),
            });
        }
        Some(Self {
            entries,
            // A partition that was made only for this batch has no other work.
            then: written.then.filter(|_| has_work(lease)),
            kept: written.kept,
            taken: written.taken,
        })
    }

    /// Returns the text that the ledger stores for this lease.
    pub(crate) fn text(&self, lease: &Lease) -> String {
        let mut written = StoredIntent {
            found: String::with_capacity(self.entries.len()),
            then: self.then.clone(),
            kept: self.kept,
            taken: self.taken.clone(),
            ..StoredIntent::default()
        };
        for (n, entry) in self.entries.iter().enumerate() {
            written.found.push(character(entry.vectors, entry.row));
            if entry.points != named(entry.id.as_deref(), entry.vectors) {
                written.points.insert(n, entry.points.clone());
            }
        }
        if !matches!(&lease.work, Work::Ids(ids) if !ids.is_empty()) {
            written.ids = Some(self.entries.iter().map(|entry| entry.id.clone()).collect());
        }
        if self.entries.iter().any(|entry| entry.version.is_some()) {
            written.versions = self.entries.iter().map(|entry| entry.version).collect();
        }
        serde_json::to_string(&written).expect("an intent has only string keys")
    }

    /// Adds the dependents' rows that an attempt deleted.
    pub(crate) fn took(&mut self, taken: Taken) {
        let known = self.taken.get_or_insert_default();
        known.more |= taken.more;
        for (table, n) in taken.tables {
            *known.tables.entry(table).or_insert(0) += n;
        }
    }

    /// Returns whether the batch changes anything outside the ledger.
    pub(crate) fn has_effect(&self) -> bool {
        self.entries.iter().any(|entry| entry.row || entry.vectors.go())
    }
}

/// Returns whether a partition has more work than a batch that had begun.
fn has_work(lease: &Lease) -> bool {
    !matches!(&lease.work, Work::Ids(ids) | Work::Listed(ids) if ids.is_empty())
}

/// Returns the point that follows from an id, if there is one.
fn named(id: Option<&str>, vectors: Vectors) -> Vec<PointId> {
    match vectors {
        Vectors::OfRow | Vectors::Orphans | Vectors::Partly | Vectors::Alone => id
            .and_then(|id| Uuid::try_parse(id).ok())
            .map(PointId::Uuid)
            .into_iter()
            .collect(),
        Vectors::None | Vectors::Unverifiable | Vectors::Changed | Vectors::Disagree | Vectors::Crowd => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
