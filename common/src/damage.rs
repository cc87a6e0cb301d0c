//! Damaged texts, for tests with random input.
// `lethe-api` and `lethe-edge` include this file too: test code of a crate is not visible in another one.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Characters with a meaning in JSON, TOML, tokens or paths, and characters without one.
const PARTS: &[&str] = &[
    "", "\"", "'", "{", "}", "[", "]", ",", ":", "=", ".", "-", "\\", "#", "%", "/", " ", "\n", "\0", "0", "9", "e",
    "A", "é", "null", "true",
];

/// A change of one character.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Damage {
    at: Index,
    with: &'static str,
    /// Whether the character stays, after the inserted text.
    stays: bool,
}

/// Returns random changes.
pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    (any::<Index>(), select(PARTS), any::<bool>()).prop_map(|(at, with, stays)| Damage { at, with, stays })
}

impl Damage {
    /// Returns `text` with the change. An empty text stays as it is.
    pub(crate) fn of(self, text: &str) -> String {
        let at = self.at.index(text.chars().count().max(1));
        let mut damaged = String::with_capacity(text.len() + self.with.len());
        for (n, character) in text.chars().enumerate() {
            if n == at {
                damaged.push_str(self.with);
            }
            if n != at || self.stays {
                damaged.push(character);
            }
        }
        damaged
    }
}
