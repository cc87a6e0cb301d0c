//! The audit of a whole log: one pass over its files in constant memory, which names the first bad entry.

mod fault;
mod trail;

use std::collections::{BTreeMap, BTreeSet};

use self::trail::Trail;
use super::checkpoint::Checkpoint;
use super::compact::Compact;
use super::entry::Entry;
use super::hash::{Hash, empty, leaf};
use super::tile::{Part, TileId, first, first_of, from_bytes};
use super::walk::{Walk, parts};

pub use self::fault::{BadEntry, Fault};

/// The audit of a log against its newest checkpoint.
///
/// The files come in the order of [`parts`]. The newest checkpoint and the earlier ones are signed by the log: their
/// reader has checked that. An [`Auditor`] keeps one tile of each level, and what it was told to look for.
#[derive(Debug)]
pub struct Auditor {
    size: u64,
    walk: Walk,
    trail: Trail,
    tree: Compact,
    /// The roots of earlier checkpoints, by their sizes.
    earlier: BTreeMap<u64, BTreeSet<Hash>>,
    /// Entries that somebody has a proof of, by their places.
    expected: BTreeMap<u64, Vec<u8>>,
    audited: Audited,
}

/// The entries of a log that has no fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audited {
    /// All.
    pub entries: u64,
    /// Those of receipts.
    pub receipts: u64,
    /// Those of audit events.
    pub events: u64,
}

impl Auditor {
    /// Begins the audit of the log with this head.
    pub fn new(head: &Checkpoint) -> Self {
        Self {
            size: head.size,
            walk: parts(head.size),
            trail: Trail::new(head),
            tree: Compact::default(),
            earlier: BTreeMap::new(),
            expected: BTreeMap::new(),
            audited: Audited::default(),
        }
    }

    /// Demands that the log begins with the entries of an earlier checkpoint.
    ///
    /// # Errors
    ///
    /// If the log has fewer entries than that.
    pub fn follows(&mut self, earlier: &Checkpoint) -> Result<(), BadEntry> {
        if earlier.size > self.size {
            let fault = Fault::Older { signed: earlier.size };
            return Err(BadEntry::one(self.size, fault));
        }
        self.earlier.entry(earlier.size).or_default().insert(earlier.root);
        Ok(())
    }

    /// Demands an entry at its place.
    ///
    /// # Errors
    ///
    /// If the log ends before this place, or another entry was demanded there.
    pub fn expect(&mut self, index: u64, entry: &Entry) -> Result<(), BadEntry> {
        if index >= self.size {
            return Err(BadEntry::one(index, Fault::Missing));
        }
        let entry = entry.text().into_bytes();
        let other = self.expected.insert(index, entry.clone());
        if other.is_some_and(|other| other != entry) {
            return Err(BadEntry::one(index, Fault::Other));
        }
        Ok(())
    }

    /// Checks the next file of the log.
    ///
    /// # Errors
    ///
    /// The first bad entry, or the narrowest range that holds it.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), BadEntry> {
        match self.walk.next() {
            Some(Part::Tile(tile)) => self.tile(tile, bytes),
            Some(Part::Bundle { n, width }) => self.bundle(n, width, bytes),
            None => Ok(()),
        }
    }

    /// Ends the audit, after the last file.
    ///
    /// # Errors
    ///
    /// If files or entries are missing, or an empty log has the root of another one.
    pub fn finish(mut self) -> Result<Audited, BadEntry> {
        if self.walk.next().is_some() {
            return Err(BadEntry::one(self.tree.size(), Fault::Short));
        }
        if self.size == 0 {
            self.trail.root(&empty())?;
            self.reached()?;
        }
        // A size that has no tiles must not pass as a log without a fault.
        if self.tree.size() != self.size || !self.earlier.is_empty() || !self.expected.is_empty() {
            return Err(BadEntry::one(self.tree.size(), Fault::Short));
        }
        Ok(self.audited)
    }

    fn tile(&mut self, tile: TileId, bytes: &[u8]) -> Result<(), BadEntry> {
        match from_bytes(bytes).filter(|hashes| hashes.len() == usize::from(tile.width)) {
            Some(hashes) => {
                self.trail.tile(tile, hashes);
                Ok(())
            }
            None => Err(BadEntry::one(first_of(tile.level, tile.n), Fault::Length)),
        }
    }

    fn bundle(&mut self, n: u64, width: u16, bytes: &[u8]) -> Result<(), BadEntry> {
        // An empty log has an earlier checkpoint too.
        self.reached()?;
        let hashes = self.trail.leaves(n);
        let mut rest = bytes;
        for place in 0..width {
            let index = self.tree.size();
            let Some((entry, after)) = first(rest) else {
                return Err(BadEntry::one(index, Fault::Short));
            };
            let hash = leaf(entry);
            if hashes.get(usize::from(place)) != Some(&hash) {
                return Err(BadEntry::one(index, Fault::Entry));
            }
            if self.expected.remove(&index).is_some_and(|expected| expected != entry) {
                return Err(BadEntry::one(index, Fault::Other));
            }
            self.count(entry);
            self.tree.push(hash);
            self.reached()?;
            rest = after;
        }
        if !rest.is_empty() {
            return Err(BadEntry::one(self.tree.size(), Fault::Long));
        }
        self.trail.passed(self.tree.size())
    }

    /// Compares the entries so far with the earlier checkpoint of this size.
    fn reached(&mut self) -> Result<(), BadEntry> {
        let size = self.tree.size();
        let Some(roots) = self.earlier.remove(&size) else {
            return Ok(());
        };
        let root = self.tree.root();
        if roots.iter().all(|earlier| *earlier == root) {
            return Ok(());
        }
        Err(BadEntry::until(size, Fault::Fork { signed: size }))
    }

    fn count(&mut self, entry: &[u8]) {
        self.audited.entries += 1;
        match std::str::from_utf8(entry).ok().and_then(Entry::parse) {
            Some(Entry::Receipt { .. }) => self.audited.receipts += 1,
            Some(Entry::Audit { .. }) => self.audited.events += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
