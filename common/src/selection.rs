//! The result of a preview or plan: the number of selected memories, and a digest that shows changes.
//!
//! A digest is a sum, so partitions are added in any order, by any worker, in constant memory. It tells
//! whether a selection is still the one that a caller saw. It is no seal against a person who writes rows
//! in order to make two selections look alike.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::route::Route;

/// A sum over the memories of a selection. Equal digests mean the same memories in the same stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(u128);

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the digest of a dry run: 32 hexadecimal digits")]
pub struct NoDigest;

/// A memory that a preview or plan found.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Its id, or its point's id if no other is known.
    pub id: &'a str,
    /// Whether it has a row.
    pub row: bool,
    /// Whether it has vectors.
    pub vectors: bool,
}

/// The memories found in one table and its collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The number of memories.
    pub memories: u64,
    /// Their digest.
    pub digest: Digest,
    /// The number of rows per workspace, where one is mapped. The empty name stands for none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workspaces: BTreeMap<String, u64>,
    /// The number of rows in workspaces beyond the named ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub elsewhere: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The most workspaces that are named.
const WORKSPACES: usize = 100;

impl Selection {
    /// Adds a memory of a table.
    pub fn add(&mut self, route: &Route, memory: Sighting<'_>) {
        self.memories += 1;
        self.digest.0 = self.digest.0.wrapping_add(fingerprint(route, memory));
    }

    /// Adds rows of a workspace.
    pub fn add_workspace(&mut self, name: String, rows: u64) {
        if self.workspaces.len() < WORKSPACES || self.workspaces.contains_key(&name) {
            *self.workspaces.entry(name).or_insert(0) += rows;
        } else {
            self.elsewhere += rows;
        }
    }

    /// Adds the memories found elsewhere in the same table.
    pub fn merge(&mut self, other: Self) {
        self.memories += other.memories;
        self.digest = self.digest.and(other.digest);
        self.elsewhere += other.elsewhere;
        for (name, rows) in other.workspaces {
            self.add_workspace(name, rows);
        }
    }
}

/// Returns a pseudo-random number for a memory. It leaves out the mapping's digest: a selection stays the
/// same when its description changes.
fn fingerprint(route: &Route, memory: Sighting<'_>) -> u128 {
    let mut hash = Sha256::new();
    for text in [route.target.as_str(), &route.table, memory.id] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update([u8::from(memory.row), u8::from(memory.vectors)]);
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    u128::from_le_bytes(half)
}

impl Digest {
    /// Returns the digest of both selections together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let digits = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).map_err(|_| NoDigest)?;
        if digits { Ok(Self(number)) } else { Err(NoDigest) }
    }
}

impl TryFrom<String> for Digest {
    type Error = NoDigest;

    fn try_from(text: String) -> Result<Self, NoDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(table: &str) -> Route {
        Route {
            target: "main".to_owned(),
            table: table.to_owned(),
            digest: "0".to_owned(),
        }
    }

    fn of(table: &str, memories: &[(&str, bool, bool)]) -> Selection {
        let mut selection = Selection::default();
        for &(id, row, vectors) in memories {
            selection.add(&route(table), Sighting { id, row, vectors });
        }
        selection
    }

    #[test]
    fn order_and_parts_make_no_difference() {
        let whole = of("m", &[("a", true, true), ("b", true, false), ("c", false, true)]);
        let mut parts = of("m", &[("c", false, true)]);
        parts.merge(of("m", &[("b", true, false), ("a", true, true)]));
        assert_eq!(whole, parts);
    }

    #[test]
    fn every_difference_shows() {
        let seen = [
            of("m", &[]),
            of("m", &[("a", true, true)]),
            of("m", &[("a", true, true), ("a", true, true)]),
            of("m", &[("b", true, true)]),
            of("m", &[("a", true, false)]),
            of("m", &[("a", false, true)]),
            of("n", &[("a", true, true)]),
            of("m", &[("a", true, true), ("b", true, true)]),
        ];
        for (n, one) in seen.iter().enumerate() {
            assert!(seen[..n].iter().all(|other| other.digest != one.digest), "{n}");
        }
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = of("m", &[("a", true, true)]).digest;
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "0", "g", "+0000000000000000000000000000000", &"0".repeat(33)] {
            assert_eq!(wrong.parse::<Digest>(), Err(NoDigest), "{wrong}");
        }
    }

    #[test]
    fn only_so_many_workspaces_are_named() {
        let mut selection = Selection::default();
        for n in 0..WORKSPACES + 5 {
            selection.add_workspace(n.to_string(), 2);
        }
        selection.add_workspace("0".to_owned(), 1);
        assert_eq!((selection.workspaces.len(), selection.elsewhere), (WORKSPACES, 10));
        assert_eq!(selection.workspaces["0"], 3);
    }
}
