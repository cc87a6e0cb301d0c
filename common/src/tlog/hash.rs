//! The hashes of a Merkle tree (RFC 6962, section 2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Returns the hash of an entry.
pub fn leaf(entry: &[u8]) -> Hash {
    // The first byte keeps an entry apart from two hashes.
    Sha256::new().chain_update([0_u8]).chain_update(entry).finalize().into()
}

/// Returns the hash of two subtrees.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let hasher = Sha256::new().chain_update([1_u8]);
    hasher.chain_update(left).chain_update(right).finalize().into()
}

/// Returns the root of a tree without entries.
pub fn empty() -> Hash {
    Sha256::digest([]).into()
}

/// Writes a hash as a checkpoint or a proof does.
pub fn to_base64(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// Reads a hash from a checkpoint or a proof.
pub fn from_base64(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_no_entries_is_the_hash_of_nothing() {
        assert_eq!(to_base64(&empty()), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn an_entry_and_two_subtrees_have_different_hashes() {
        // Without the first byte, an entry of 64 bytes could stand for two subtrees.
        let (left, right) = (leaf(b"a"), leaf(b"b"));
        assert_ne!(leaf(&[left, right].concat()), node(&left, &right));
        assert_ne!(node(&left, &right), node(&right, &left));
    }

    #[test]
    fn a_hash_of_another_length_is_refused() {
        let hash = leaf(b"a");
        assert_eq!(from_base64(&to_base64(&hash)), Some(hash));
        for text in ["", "YQ==", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "no base64"] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }
}
