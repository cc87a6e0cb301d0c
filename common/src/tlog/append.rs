//! New entries of a log.

use super::compact::root;
use super::hash::Hash;
use super::tile::{FULL, Tiles};

/// A log after new entries.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The number of entries.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// The new tiles and the wider ones, by level and place.
    pub changed: Vec<(u8, u64, Vec<Hash>)>,
}

/// Appends the hashes of entries to a log with `size` entries. `edge` has the tiles of [`super::tile::needed`].
///
/// `None`: one of these tiles is missing.
pub fn append(size: u64, edge: &Tiles, leaves: &[Hash]) -> Option<Appended> {
    let grown = size.checked_add(u64::try_from(leaves.len()).ok()?)?;
    let full = u64::from(FULL);
    let mut all = edge.clone();
    let mut changed = Vec::new();
    let mut arriving = leaves.to_vec();
    let mut level = 0_u8;
    while !arriving.is_empty() {
        let count = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
        let mut n = count / full;
        let mut hashes = match usize::try_from(count % full).ok()? {
            0 => Vec::new(),
            width => edge.get(level, n)?.get(..width)?.to_vec(),
        };
        let mut above = Vec::new();
        for hash in arriving {
            hashes.push(hash);
            if hashes.len() == usize::from(FULL) {
                above.push(root(&hashes));
                changed.push((level, n, std::mem::take(&mut hashes)));
                n += 1;
            }
        }
        if !hashes.is_empty() {
            changed.push((level, n, hashes));
        }
        arriving = above;
        level += 1;
    }
    for (level, n, hashes) in &changed {
        all.insert(*level, *n, hashes.clone());
    }
    Some(Appended {
        size: grown,
        root: all.root(grown)?,
        changed,
    })
}
