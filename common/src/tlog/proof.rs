//! Proofs: a log has an entry, or has grown out of an older one.

use super::hash::{Hash, empty, node};
use super::ranges::{self, Range};
use super::tile::Tiles;

/// Returns the proof that a log with `size` entries has the one at `index`, the leaf's sibling first.
///
/// `None`: there is no such entry, or a tile of [`super::tile::for_inclusion`] is missing.
pub fn inclusion(index: u64, size: u64, tiles: &Tiles) -> Option<Vec<Hash>> {
    hashes(ranges::inclusion(index, size)?, tiles)
}

/// Returns the proof that a log with `new` entries begins with the `old` ones of an older root.
///
/// `None`: the log is smaller, or a tile of [`super::tile::for_consistency`] is missing.
pub fn consistency(old: u64, new: u64, tiles: &Tiles) -> Option<Vec<Hash>> {
    hashes(ranges::consistency(old, new)?, tiles)
}

fn hashes(ranges: Vec<Range>, tiles: &Tiles) -> Option<Vec<Hash>> {
    let hashes = ranges.into_iter().map(|(start, end)| tiles.subtree(start, end));
    hashes.collect()
}

/// Whether a proof leads from the hash of an entry to a root (RFC 9162, section 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if is_right(place) || place == last {
            hash = node(sibling, &hash);
            skip_lone(&mut place, &mut last);
        } else {
            hash = node(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether a proof leads from an older root to a newer one (RFC 9162, section 2.1.4.2).
pub fn verify_consistency(old: u64, new: u64, proof: &[Hash], old_root: &Hash, new_root: &Hash) -> bool {
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty();
    }
    if old > new {
        return false;
    }
    // The older root is a subtree itself if its size is a power of two. Then the proof leaves it out.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else {
            return false;
        };
        (first, rest)
    };
    let (mut place, mut last) = (old - 1, new - 1);
    while is_right(place) {
        place >>= 1;
        last >>= 1;
    }
    let (mut older, mut newer) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if is_right(place) || place == last {
            older = node(hash, &older);
            newer = node(hash, &newer);
            skip_lone(&mut place, &mut last);
        } else {
            newer = node(&newer, hash);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && older == *old_root && newer == *new_root
}

/// Whether a subtree is the right one of its two.
fn is_right(place: u64) -> bool {
    place & 1 == 1
}

/// Goes up over the levels in which the last subtree has no sibling.
fn skip_lone(place: &mut u64, last: &mut u64) {
    while !is_right(*place) && *place != 0 {
        *place >>= 1;
        *last >>= 1;
    }
}
