//! The tree and its proofs compared with those of `ct-merkle`, a second implementation.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use super::append::append;
use super::hash::{Hash, leaf};
use super::proof::{consistency, inclusion, verify_consistency, verify_inclusion};
use super::tile::{TileId, Tiles, for_consistency, for_inclusion, needed};

/// The largest tree: two full tiles, and a partial one.
const MOST: u64 = 600;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn oracle(size: u64) -> Oracle {
    let mut tree = Oracle::new();
    (0..size).for_each(|index| tree.push(entry(index)));
    tree
}

fn root_of(oracle: &Oracle) -> Hash {
    oracle.root().as_bytes().as_slice().try_into().unwrap()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    super::tile::from_bytes(bytes).unwrap()
}

/// Returns only these tiles of a log, as wide as they are named.
fn only(tiles: &Tiles, named: &[TileId]) -> Tiles {
    let mut some = Tiles::default();
    for tile in named {
        let hashes = tiles.get(tile.level, tile.n).unwrap();
        some.insert(tile.level, tile.n, hashes[..usize::from(tile.width)].to_vec());
    }
    some
}

/// Returns all tiles of a log that grew by `step` entries at a time.
fn grown(size: u64, step: u64) -> Tiles {
    let mut tiles = Tiles::default();
    let mut done = 0;
    while done < size {
        let leaves: Vec<Hash> = (done..size.min(done + step)).map(|index| leaf(&entry(index))).collect();
        let appended = append(done, &only(&tiles, &needed(done)), &leaves).unwrap();
        done = appended.size;
        for (level, n, hashes) in appended.changed {
            tiles.insert(level, n, hashes);
        }
        assert_eq!(tiles.root(done), Some(appended.root), "{done}");
    }
    tiles
}

/// Compares an inclusion proof, out of the tiles that it names and no others.
fn assert_inclusion(tiles: &Tiles, oracle: &Oracle, index: u64) {
    let size = oracle.len();
    let some = only(tiles, &for_inclusion(index, size));
    let proof = inclusion(index, size, &some).unwrap();
    let place = usize::try_from(index).unwrap();
    assert_eq!(
        proof,
        hashes(oracle.prove_inclusion(place).as_bytes()),
        "{index} of {size}"
    );
    let (leaf, root) = (leaf(&entry(index)), root_of(oracle));
    assert!(verify_inclusion(&leaf, index, size, &proof, &root), "{index} of {size}");
    // Another place, another entry, a hash less or a hash more is refused.
    assert!(
        !verify_inclusion(&leaf, index + 1, size, &proof, &root),
        "{index} of {size}"
    );
    assert!(!verify_inclusion(
        &self::leaf(b"another entry"),
        index,
        size,
        &proof,
        &root
    ));
    assert!(!verify_inclusion(
        &leaf,
        index,
        size,
        &[&proof[..], &[root]].concat(),
        &root
    ));
    if let Some((_, short)) = proof.split_last() {
        assert!(!verify_inclusion(&leaf, index, size, short, &root), "{index} of {size}");
    }
}

/// Compares a consistency proof, out of the tiles that it names and no others.
fn assert_consistency(tiles: &Tiles, oracle: &Oracle, old: u64, old_root: &Hash) {
    let new = oracle.len();
    let some = only(tiles, &for_consistency(old, new));
    let proof = consistency(old, new, &some).unwrap();
    let more = usize::try_from(new - old).unwrap();
    assert_eq!(
        proof,
        hashes(oracle.prove_consistency(more).as_bytes()),
        "{old} to {new}"
    );
    let root = root_of(oracle);
    assert!(verify_consistency(old, new, &proof, old_root, &root), "{old} to {new}");
    let other = leaf(b"another root");
    assert!(!verify_consistency(old, new, &proof, &other, &root), "{old} to {new}");
    assert!(
        !verify_consistency(old, new, &proof, old_root, &other),
        "{old} to {new}"
    );
    assert!(!verify_consistency(
        old,
        new,
        &[&proof[..], &[other]].concat(),
        old_root,
        &root
    ));
    if let Some((_, short)) = proof.split_last() {
        assert!(!verify_consistency(old, new, short, old_root, &root), "{old} to {new}");
    }
}

#[test]
fn every_size_up_to_600_has_the_roots_and_proofs_of_ct_merkle() {
    let tiles = grown(MOST, 1);
    let mut oracle = Oracle::new();
    let mut roots = vec![super::hash::empty()];
    for size in 1..=MOST {
        oracle.push(entry(size - 1));
        roots.push(root_of(&oracle));
        assert_eq!(tiles.root(size), roots.last().copied(), "{size}");
        // Every pair of small sizes and of those around full tiles; of the others, the ends and the middle.
        let all = size <= 70 || [255, 256, 257, 511, 512, 513, MOST].contains(&size);
        let some = [0, size / 3, size / 2, size - 1];
        for place in 0..size {
            if all || some.contains(&place) {
                assert_inclusion(&tiles, &oracle, place);
            }
            if place > 0 && (all || some.contains(&place)) {
                assert_consistency(&tiles, &oracle, place, &roots[usize::try_from(place).unwrap()]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn entries_that_come_together_give_the_same_tree(size in 1..=MOST, step in 1..=MOST, at in 0..MOST) {
        let tiles = grown(size, step);
        let oracle = oracle(size);
        prop_assert_eq!(tiles.root(size), Some(root_of(&oracle)));
        let place = at % size;
        assert_inclusion(&tiles, &oracle, place);
        if place > 0 {
            assert_consistency(&tiles, &oracle, place, &tiles.root(place).unwrap());
        }
    }

    #[test]
    fn no_proof_stops_its_reader(index in any::<u64>(), size in any::<u64>(), length in 0..80_usize) {
        let proof = vec![[3; 32]; length];
        prop_assert!(!verify_inclusion(&[1; 32], index, size, &proof, &[2; 32]));
        prop_assert!(!verify_consistency(index, size, &proof, &[1; 32], &[2; 32]));
    }
}

#[test]
fn a_log_of_three_levels_has_one_root_by_every_way() {
    let size = 65_536 + 256 + 3;
    let tiles = grown(size, 10_000);
    let mut one_by_one = super::compact::Compact::default();
    (0..size).for_each(|index| one_by_one.push(leaf(&entry(index))));
    let root = one_by_one.root();
    assert_eq!(tiles.root(size), Some(root));
    assert_eq!(tiles.get(2, 0).map(<[Hash]>::len), Some(1));
    for index in [0, 65_535, 65_536, size - 1] {
        let proof = inclusion(index, size, &only(&tiles, &for_inclusion(index, size))).unwrap();
        assert!(
            verify_inclusion(&leaf(&entry(index)), index, size, &proof, &root),
            "{index}"
        );
    }
    for old in [1, 255, 65_536, size - 1] {
        let proof = consistency(old, size, &only(&tiles, &for_consistency(old, size))).unwrap();
        assert!(
            verify_consistency(old, size, &proof, &tiles.root(old).unwrap(), &root),
            "{old}"
        );
    }
}
