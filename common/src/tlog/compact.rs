//! A Merkle tree that grows in constant memory.

use super::hash::{Hash, empty, node};

/// The roots of the complete subtrees of a tree, the largest first: at most 64.
#[derive(Debug, Clone, Default)]
pub struct Compact {
    size: u64,
    roots: Vec<Hash>,
}

impl Compact {
    /// Appends the hash of an entry.
    pub fn push(&mut self, hash: Hash) {
        self.size += 1;
        let mut last = hash;
        // Each zero at the end of the size is a subtree that the new entry completes.
        for _ in 0..self.size.trailing_zeros() {
            if let Some(left) = self.roots.pop() {
                last = node(&left, &last);
            }
        }
        self.roots.push(last);
    }

    /// Returns the number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root.
    pub fn root(&self) -> Hash {
        let folded = self.roots.iter().rev().copied();
        folded.reduce(|right, left| node(&left, &right)).unwrap_or_else(empty)
    }
}

/// Returns the root over the hashes of equal subtrees, such as those of a tile.
pub fn root(hashes: &[Hash]) -> Hash {
    let mut tree = Compact::default();
    for hash in hashes {
        tree.push(*hash);
    }
    tree.root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees_are_as_large_as_they_can_be_from_the_left() {
        let [a, b, c] = [[1; 32], [2; 32], [3; 32]];
        assert_eq!(root(&[]), empty());
        assert_eq!(root(&[a]), a);
        assert_eq!(root(&[a, b, c]), node(&node(&a, &b), &c));
        assert_eq!(root(&[a, b, c, a, b]), node(&node(&node(&a, &b), &node(&c, &a)), &b));
    }

    #[test]
    fn a_large_tree_takes_little_memory() {
        let mut tree = Compact::default();
        for _ in 0..65_535 {
            tree.push([7; 32]);
        }
        assert_eq!((tree.size(), tree.roots.len()), (65_535, 16));
    }
}
