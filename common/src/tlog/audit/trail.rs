//! The tiles from the signed root down to the entries that an audit is at.

use std::collections::BTreeMap;

use super::{BadEntry, Fault};
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::compact::root;
use crate::tlog::hash::Hash;
use crate::tlog::tile::{FULL, TileId, Tiles, first_of, needed};

/// The tiles over an entry.
///
/// A tile that does not fit the one above is no reason to stop: an entry below it may show where the fault is. The
/// narrowest such doubt stays until all of its entries have passed.
#[derive(Debug)]
pub(super) struct Trail {
    size: u64,
    signed: Hash,
    /// The partial tiles, and how many of them are still to come.
    edge: Tiles,
    left: usize,
    /// The full tile of each level that was read last, and its place.
    full: BTreeMap<u8, (u64, Vec<Hash>)>,
    doubt: Option<BadEntry>,
}

impl Trail {
    pub(super) fn new(head: &Checkpoint) -> Self {
        Self {
            size: head.size,
            signed: head.root,
            edge: Tiles::default(),
            left: needed(head.size).len(),
            full: BTreeMap::new(),
            doubt: None,
        }
    }

    /// Adds the next tile, and compares it with what is above it.
    pub(super) fn tile(&mut self, tile: TileId, hashes: Vec<Hash>) {
        if self.left > 0 {
            self.edge.insert(tile.level, tile.n, hashes);
            self.left -= 1;
            if self.left == 0 && self.edge.root(self.size) != Some(self.signed) {
                self.doubt(BadEntry::until(self.size, Fault::Root));
            }
            return;
        }
        if self.above(tile) != Some(root(&hashes)) {
            let first = first_of(tile.level, tile.n);
            let last = first_of(tile.level, tile.n.saturating_add(1)).saturating_sub(1);
            let fault = Fault::Tile { level: tile.level };
            self.doubt(BadEntry { first, last, fault });
        }
        self.full.insert(tile.level, (tile.n, hashes));
    }

    /// Returns the hashes of the entries in a bundle.
    pub(super) fn leaves(&self, n: u64) -> Vec<Hash> {
        self.hashes(0, n).unwrap_or_default().to_vec()
    }

    /// Compares the root of a log without tiles.
    pub(super) fn root(&self, root: &Hash) -> Result<(), BadEntry> {
        if *root == self.signed {
            Ok(())
        } else {
            Err(BadEntry::until(self.size, Fault::Root))
        }
    }

    /// Reports the doubt whose entries have all passed.
    pub(super) fn passed(&self, entries: u64) -> Result<(), BadEntry> {
        match self.doubt {
            Some(doubt) if doubt.last < entries => Err(doubt),
            _ => Ok(()),
        }
    }

    fn doubt(&mut self, bad: BadEntry) {
        // A tile in the order of the walk is within the doubt so far, since a doubt ends with its entries.
        self.doubt = Some(bad);
    }

    fn above(&self, tile: TileId) -> Option<Hash> {
        let place = usize::try_from(tile.n % u64::from(FULL)).ok()?;
        let hashes = self.hashes(tile.level.checked_add(1)?, tile.n / u64::from(FULL))?;
        hashes.get(place).copied()
    }

    fn hashes(&self, level: u8, n: u64) -> Option<&[Hash]> {
        match self.full.get(&level) {
            Some((place, hashes)) if *place == n => Some(hashes),
            _ => self.edge.get(level, n),
        }
    }
}
