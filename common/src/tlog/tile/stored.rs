//! Tiles in memory, and which of them a root or a proof needs.

use std::collections::{BTreeMap, BTreeSet};

use super::{FULL, TileId};
use crate::tlog::compact;
use crate::tlog::hash::{Hash, empty, node};
use crate::tlog::ranges::{self, Range};

/// Some tiles of a log, by level and place.
#[derive(Debug, Clone, Default)]
pub struct Tiles(BTreeMap<(u8, u64), Vec<Hash>>);

impl Tiles {
    /// Adds a tile, or a wider version of one.
    pub fn insert(&mut self, level: u8, n: u64, hashes: Vec<Hash>) {
        self.0.insert((level, n), hashes);
    }

    /// Returns the hashes of a tile.
    pub fn get(&self, level: u8, n: u64) -> Option<&[Hash]> {
        self.0.get(&(level, n)).map(Vec::as_slice)
    }

    /// Returns the root over the entries from `start` to before `end`. `None`: a tile is missing, or no subtree has
    /// these entries.
    pub fn subtree(&self, start: u64, end: u64) -> Option<Hash> {
        let complete = ranges::complete((start, end))?.into_iter();
        let hashes: Option<Vec<Hash>> = complete.map(|(start, height)| self.complete(start, height)).collect();
        hashes?.into_iter().rev().reduce(|right, left| node(&left, &right))
    }

    /// Returns the root of a log with `size` entries. The tiles of [`needed`] are enough.
    pub fn root(&self, size: u64) -> Option<Hash> {
        if size == 0 {
            return Some(empty());
        }
        self.subtree(0, size)
    }

    /// Returns the root of a complete subtree.
    fn complete(&self, start: u64, height: u32) -> Option<Hash> {
        let (level, index, within) = place(start, height)?;
        let first = usize::try_from(index % u64::from(FULL)).ok()?;
        let hashes = self.get(level, index / u64::from(FULL))?;
        let hashes = hashes.get(first..first.checked_add(1 << within)?)?;
        Some(compact::root(hashes))
    }
}

/// Returns the level that has the hashes of a complete subtree, the first of these hashes, and the subtree's height
/// over them.
fn place(start: u64, height: u32) -> Option<(u8, u64, u32)> {
    let level = height / 8;
    Some((u8::try_from(level).ok()?, start.checked_shr(level * 8)?, height % 8))
}

/// Returns the tiles that subtrees of a log are made of.
fn tiles_of(ranges: Vec<Range>, size: u64) -> Vec<TileId> {
    let mut tiles = BTreeSet::new();
    for range in ranges {
        for (start, height) in ranges::complete(range).unwrap_or_default() {
            if let Some((level, index, _)) = place(start, height) {
                tiles.extend(TileId::at(level, index / u64::from(FULL), size));
            }
        }
    }
    tiles.into_iter().collect()
}

/// Returns the tiles of the root: the partial ones at the right edge, the highest last.
pub fn needed(size: u64) -> Vec<TileId> {
    tiles_of(vec![(0, size)], size)
}

/// Returns the tiles of the proof that a log with `size` entries has this one.
pub fn for_inclusion(index: u64, size: u64) -> Vec<TileId> {
    tiles_of(ranges::inclusion(index, size).unwrap_or_default(), size)
}

/// Returns the tiles of the proof that a log has grown from `old` to `new` entries.
pub fn for_consistency(old: u64, new: u64) -> Vec<TileId> {
    tiles_of(ranges::consistency(old, new).unwrap_or_default(), new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_needs_the_partial_tiles_at_the_edge() {
        let tile = |level, n, width| TileId { level, n, width };
        assert!(needed(0).is_empty());
        assert_eq!(needed(1), [tile(0, 0, 1)]);
        assert_eq!(needed(256), [tile(1, 0, 1)]);
        assert_eq!(needed(70_000), [tile(0, 273, 112), tile(1, 1, 17), tile(2, 0, 1)]);
        assert_eq!(needed(65_536), [tile(2, 0, 1)]);
        assert!(needed(u64::MAX).is_empty());
    }

    #[test]
    fn a_missing_or_short_tile_gives_no_root() {
        let mut tiles = Tiles::default();
        assert_eq!(tiles.root(0), Some(empty()));
        assert_eq!(tiles.root(3), None);
        tiles.insert(0, 0, vec![[1; 32]; 2]);
        assert_eq!(tiles.root(3), None);
        assert_eq!(tiles.subtree(1, 3), None);
        assert_eq!(tiles.subtree(2, 2), None);
        assert_eq!(tiles.root(2), Some(node(&[1; 32], &[1; 32])));
        assert_eq!(tiles.root(u64::MAX), None);
    }
}
