//! What an audit finds.

use std::fmt;

/// The first bad entries of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEntry {
    /// The place of the first one. Places begin with 0.
    pub first: u64,
    /// The place of the last one that may be bad: the same if the fault is of one entry.
    pub last: u64,
    /// The fault.
    pub fault: Fault,
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The entry is not the one that the tree has.
    #[error("the entry does not have the hash of its place in the tree: it was changed, moved or left out")]
    Entry,
    /// The bundle ends too early.
    #[error("the entry is missing from its bundle")]
    Short,
    /// The bundle has more entries than the signed size allows.
    #[error("the bundle has more entries than the checkpoint signs")]
    Long,
    /// A tile has another length than the signed size demands.
    #[error("the tile of this entry does not have the length that the checkpoint demands")]
    Length,
    /// A tile does not have the hash that the tile above has for it.
    #[error("the tile of level {level} does not have the hash that the tile above has for it")]
    Tile {
        /// The level of the tile.
        level: u8,
    },
    /// The tree does not have the signed root.
    #[error("the tree does not have the root that the checkpoint signs")]
    Root,
    /// The log does not begin with the entries of an earlier checkpoint.
    #[error(
        "the first {signed} entries do not have the root that the log signed earlier: it was rewritten, or restored from a backup"
    )]
    Fork {
        /// The size of the earlier checkpoint.
        signed: u64,
    },
    /// The log has fewer entries than an earlier checkpoint.
    #[error("the log signed {signed} entries earlier: the last ones were removed, or it was restored from a backup")]
    Older {
        /// The size of the earlier checkpoint.
        signed: u64,
    },
    /// The log has another entry at the place of a known one.
    #[error("the receipt's proof has another entry at this place: the log was rewritten, or restored from a backup")]
    Other,
    /// The log ends before a known entry.
    #[error("the log ends before the place of this receipt: it was rewritten, or restored from a backup")]
    Missing,
}

impl BadEntry {
    /// Returns a fault of one entry.
    pub(super) fn one(index: u64, fault: Fault) -> Self {
        Self {
            first: index,
            last: index,
            fault,
        }
    }

    /// Returns a fault that lies somewhere before `end`.
    pub(super) fn until(end: u64, fault: Fault) -> Self {
        Self {
            first: 0,
            last: end.saturating_sub(1),
            fault,
        }
    }
}

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, fault } = self;
        if first == last {
            write!(f, "entry {first}: {fault}")
        } else {
            write!(f, "one of the entries {first} to {last}: {fault}")
        }
    }
}

impl std::error::Error for BadEntry {}
