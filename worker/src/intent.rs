//! The intent of a batch: which memories are about to be erased, and what was found of each,
//! committed under the lease before the first effect.
//!
//! Whoever finds an intent finishes it by these ids in all stores. What was found is part of it,
//! so that a memory that an earlier attempt erased still counts as erased.

use lethe_common::ledger::Lease;
use serde::{Deserialize, Serialize};

use crate::cursor::Cursor;
use crate::store::vector::PointId;

/// What a batch is about to do.
// Ids inside: no `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The memories, in the order of the batch.
    pub(crate) entries: Vec<Entry>,
    /// How far the partition is once this is done; nothing if it is done with it.
    pub(crate) then: Option<Cursor>,
    /// How often the vectors were still there after they were deleted.
    #[serde(default)]
    pub(crate) kept: u32,
}

/// One memory of a batch, and what was found of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The memory's id; a point without a row may have none that is known.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Whether it has a row under the job's conditions.
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) row: bool,
    /// Its points.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) points: Vec<PointId>,
    /// What is to become of its points.
    #[serde(rename = "v", default)]
    pub(crate) vectors: Vectors,
}

/// What is to become of the points of a memory.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
}

impl Intent {
    /// Reads the intent of a lease, if it has one.
    pub(crate) fn of(lease: &Lease) -> Option<Result<Self, serde_json::Error>> {
        lease.intent.as_deref().map(serde_json::from_str)
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("an intent has only string keys")
    }

    /// Returns whether there is anything to do outside the ledger.
    pub(crate) fn has_effect(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.row || matches!(entry.vectors, Vectors::OfRow | Vectors::Orphans))
    }
}
