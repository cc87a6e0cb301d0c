//! Tiles: 256 hashes of a level of the tree in one file (C2SP `tlog-tiles`).
//!
//! Level 0 has the hashes of entries. Each hash of a higher level is the root over a full tile of the level below.
//! Entries are in bundles, 256 in one, beside the tiles of level 0.

mod bundle;
mod path;
mod stored;

use super::hash::Hash;

pub(in crate::tlog) use self::bundle::first;
pub use self::bundle::{beginning, bundle, entries};
pub use self::path::Part;
pub use self::stored::{Tiles, for_consistency, for_inclusion, needed};

/// The hashes of a full tile, and the entries of a full bundle.
pub const FULL: u16 = 256;

/// The greatest level that a path can name.
const TOP: u8 = 63;

/// A tile of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    /// 0 for the hashes of entries.
    pub level: u8,
    /// Its place in the level.
    pub n: u64,
    /// How many hashes it has: 1 to 256.
    pub width: u16,
}

impl TileId {
    /// Returns a tile of a log with `size` entries, as wide as it is there.
    pub fn at(level: u8, n: u64, size: u64) -> Option<Self> {
        let width = width_at(level, n, size);
        (width > 0).then_some(Self { level, n, width })
    }

    /// Returns the path below `tile/`, such as `0/x001/x234/067.p/5`.
    pub fn path(self) -> String {
        Part::Tile(self).path()
    }
}

/// Returns how many hashes a tile has in a log with `size` entries. 0 is no tile.
///
/// With the level 0, the same is true of the bundle beside it.
pub fn width_at(level: u8, n: u64, size: u64) -> u16 {
    let hashes = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
    let before = n.saturating_mul(FULL.into());
    let width = hashes.saturating_sub(before).min(FULL.into());
    u16::try_from(width).unwrap_or(FULL)
}

/// Returns the place of the first entry under a tile.
pub(super) fn first_of(level: u8, n: u64) -> u64 {
    let width = 1_u64.checked_shl((u32::from(level) + 1) * 8).unwrap_or(u64::MAX);
    n.saturating_mul(width)
}

/// Writes a tile as its file has it.
pub fn to_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// Reads the file of a tile.
pub fn from_bytes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_70000_entries_has_the_tiles_of_the_specification() {
        let widths = |level, tiles: u64| (0..tiles).map(|n| width_at(level, n, 70_000)).collect::<Vec<_>>();
        let level_0 = widths(0, 275);
        assert_eq!(level_0.iter().filter(|width| **width == FULL).count(), 273);
        assert_eq!(level_0.get(273..), Some([112, 0].as_slice()));
        assert_eq!(widths(1, 3), [256, 17, 0]);
        assert_eq!(widths(2, 2), [1, 0]);
        assert_eq!(width_at(3, 0, 70_000), 0);
    }

    #[test]
    fn a_log_of_256_entries_has_a_full_tile_and_one_above_it() {
        assert_eq!(TileId::at(0, 0, 256).map(|tile| tile.width), Some(256));
        assert_eq!(TileId::at(1, 0, 256).map(|tile| tile.width), Some(1));
        assert_eq!(TileId::at(0, 1, 256), None);
    }

    #[test]
    fn levels_and_places_beyond_every_log_have_no_tile() {
        assert_eq!(width_at(8, 0, u64::MAX), 0);
        assert_eq!(width_at(255, 0, u64::MAX), 0);
        assert_eq!(width_at(0, u64::MAX, u64::MAX), 0);
        assert_eq!(width_at(7, 0, u64::MAX), 255);
    }

    #[test]
    fn the_file_of_a_tile_is_its_hashes() {
        let hashes = [[1; 32], [2; 32]];
        assert_eq!(from_bytes(&to_bytes(&hashes)).as_deref(), Some(hashes.as_slice()));
        assert_eq!(from_bytes(&[0; 33]), None);
    }
}
