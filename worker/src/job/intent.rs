//! The intent of a batch: which memories are about to be erased, and what was found of each,
//! committed under the lease before the first effect.
//!
//! Whoever finds an intent finishes it by these ids in all stores. What was found is part of it,
//! so that a memory that an earlier attempt erased still counts as erased.
//!
//! It is written and dropped once a batch, so it is kept small: one character a memory, ids only
//! where they are not the partition's own list, points only where they do not follow from the id.

use std::collections::BTreeMap;

use lethe_common::ledger::{Lease, Work};
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator};
use uuid::Uuid;

use crate::job::cursor::{Cursor, ids_left};
use crate::span::About;
use crate::store::vector::{Point, PointId};
use crate::store::{RowLocation, RowOwner};

/// What a batch is about to do.
// Ids inside: no `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Intent {
    /// The memories, in the order of the batch.
    pub(crate) entries: Vec<Entry>,
    /// How far the partition is once this is done; nothing if it is done with it.
    pub(crate) then: Option<Cursor>,
    /// How often the vectors were still there after they were deleted.
    pub(crate) kept: u32,
    /// What earlier attempts deleted of dependents; nothing: no attempt came that far, as far as is known.
    pub(crate) taken: Option<Taken>,
}

/// What a batch deleted of dependents.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Taken {
    /// Rows, by table.
    pub(crate) tables: BTreeMap<String, u64>,
    /// Whether more went than was counted: rows were gone that no attempt is known to have deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) more: bool,
}

/// One memory of a batch, and what was found of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The memory's id; a point without a row may have none that is known.
    pub(crate) id: Option<String>,
    /// Whether it has a row under the job's conditions.
    pub(crate) row: bool,
    /// Its points.
    pub(crate) points: Vec<PointId>,
    /// What is to become of its points.
    pub(crate) vectors: Vectors,
    /// The version of its row, where somebody wants to know.
    pub(crate) version: Option<i64>,
    /// What this attempt saw of it.
    pub(crate) seen: Seen,
}

/// What an attempt saw of a memory. It is not written: an attempt that finds an intent looks again.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Where its row was.
    pub(crate) place: Option<RowLocation>,
    /// What its row said of whose it is; nothing: no row was there under the job's conditions.
    pub(crate) row: Option<RowOwner>,
    /// Whether a row with its id was there that is not the job's.
    pub(crate) is_foreign: bool,
    /// What that row said of whose it is, if it is outside the mapping's scope.
    pub(crate) outside: Option<RowOwner>,
    /// Its points, as they were.
    pub(crate) points: Vec<Point>,
    /// What an attempt that found the intent found changed.
    pub(crate) dropped: Option<Dropped>,
}

/// Why a memory of an intent that was found is not the job's any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Its row, or its points, belong to somebody else by now.
    Changed,
    /// So does its row, and its vector went before.
    Split,
    /// A point speaks against its being the row's.
    Disagrees,
    /// So does one, and others went before.
    DisagreesPartly,
}

/// What is to become of the points of a memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, EnumIter)]
pub(crate) enum Vectors {
    /// There are none that the job may touch.
    #[default]
    None,
    /// They go, since the row is the job's.
    OfRow,
    /// They have no row anywhere, and carry what the job demands.
    Orphans,
    /// They have no row, and whose they are cannot be established.
    Unverifiable,
    /// The memory has changed since its job began: they stay, and so does its row.
    Changed,
    /// One of them speaks against its being the row's: they stay, and so does the row.
    Disagree,
    /// They go, and are too many to be listed.
    Crowd,
    /// Some go, without a row; of others it cannot be told whose they are, and they stay.
    Partly,
    /// It goes, without a row, by its own id: others of the same memory are looked at by themselves.
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

/// Returns the character that an intent has for a memory which was found so.
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

/// Returns what a character of an intent says of a memory: its vectors, and whether it has a row.
fn found_as(written: char) -> Option<(Vectors, bool)> {
    let all = Vectors::iter().flat_map(|vectors| [(vectors, false), (vectors, true)]);
    all.into_iter()
        .find(|(vectors, row)| character(*vectors, *row) == written)
}

/// An intent as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredIntent {
    /// What was found, a character a memory.
    found: String,
    /// The ids; absent where they are the next ones of the partition's own list.
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<Option<String>>>,
    /// The points of the memories whose points are not the one that their id, a UUID, names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    points: BTreeMap<usize, Vec<PointId>>,
    /// The versions of the rows; absent where nobody wants to know them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    versions: Vec<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<Cursor>,
    kept: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<Taken>,
}

impl Intent {
    /// Reads the intent of a lease; `None` if it has none, or one that cannot be read: its batch is
    /// then begun anew, which is safe, since absent is success.
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

    /// Returns whether a partition was made for a batch that had begun, and nobody can tell what was in it: begun anew,
    /// it would end with nothing done.
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
            // A partition that another attempt made for this batch has no other work.
            then: written.then.filter(|_| has_work(lease)),
            kept: written.kept,
            taken: written.taken,
        })
    }

    /// Returns the text to be kept in the ledger for this lease.
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

    /// Adds what an attempt deleted of dependents.
    pub(crate) fn took(&mut self, taken: Taken) {
        let known = self.taken.get_or_insert_default();
        known.more |= taken.more;
        for (table, n) in taken.tables {
            *known.tables.entry(table).or_insert(0) += n;
        }
    }

    /// Returns whether there is anything to do outside the ledger.
    pub(crate) fn has_effect(&self) -> bool {
        self.entries.iter().any(|entry| entry.row || entry.vectors.go())
    }
}

/// Returns whether a partition is about more than a batch that had begun.
fn has_work(lease: &Lease) -> bool {
    !matches!(&lease.work, Work::Ids(ids) | Work::Listed(ids) if ids.is_empty())
}

/// Returns the points that follow from an id, where there are any to be named.
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
