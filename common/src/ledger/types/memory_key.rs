//! The key of a memory in the tables of the ledger.
//!
//! An id may be too long for an index: PostgreSQL takes about 2,700 bytes, and 1,000 characters may be 4,000 bytes.
//! So the key of a long id is its beginning and its hash. A second column holds the id itself.

use std::borrow::Cow;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The longest id, in bytes, that is its own key. UUIDs and numbers are, so most ids need no second column.
const LONGEST: usize = 200;

/// The bytes of a long id that its key keeps. So lists, which are sorted by key, stay nearly in the order of ids.
// With the hash, the key is longer than any id that is its own key. So no key stands for two ids.
const KEPT: usize = 160;

/// Returns an id as the ledger lists it, without U+0000. A point's payload may hold that; PostgreSQL's texts cannot.
pub(in crate::ledger) fn listed(id: &str) -> Cow<'_, str> {
    if id.contains('\0') {
        Cow::Owned(id.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(id)
    }
}

/// Returns the key of an id.
pub(in crate::ledger) fn key(id: &str) -> Cow<'_, str> {
    if id.len() <= LONGEST {
        return Cow::Borrowed(id);
    }
    let (kept, _) = id.split_at(id.floor_char_boundary(KEPT));
    let mut key = kept.to_owned();
    for byte in Sha256::digest(id) {
        write!(key, "{byte:02x}").expect("a String takes any text");
    }
    Cow::Owned(key)
}

/// Returns the id if its key differs from it.
pub(in crate::ledger) fn beside_key(id: &str) -> Option<&str> {
    (id.len() > LONGEST).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_fits_an_index_and_means_one_id() {
        let wide = "\u{1f600}".repeat(1_000);
        let almost = format!("{}x", "\u{1f600}".repeat(999));
        let short = "x".repeat(LONGEST);
        let long = "x".repeat(LONGEST + 1);
        assert!(matches!(key(&short), Cow::Borrowed(key) if key == short));
        assert_eq!(beside_key(&short), None);
        assert_eq!(beside_key(&long), Some(long.as_str()));
        let all = [&wide, &almost, &short, &long];
        for (n, id) in all.iter().enumerate() {
            assert!(key(id).len() <= KEPT + 64);
            assert!(all[..n].iter().all(|other| key(other) != key(id)));
            // Only a short id, which is its own key, stays the same when its key is keyed again.
            assert_eq!(key(&key(id)) == key(id), id.len() <= LONGEST);
        }
    }
}
