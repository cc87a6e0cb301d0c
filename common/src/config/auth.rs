//! `[[auth.key]]` and `[[auth.jwt]]`: API keys, token issuers and their permissions.
//!
//! The file holds hashes, never keys. The API decides what a scope permits.

mod bounds;
#[cfg(test)]
mod fuzz;
mod jwt;

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use strum::{EnumIter, EnumString, IntoStaticStr, VariantNames};
use subtle::ConstantTimeEq;

use super::error::ConfigErrors;
use super::text::{self, NAME, is_name, is_text};
pub use bounds::Bounds;
pub use jwt::{Jwt, JwtAlgorithm, JwtKey};

/// The API keys and token issuers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Auth {
    /// The accepted API keys.
    pub keys: Vec<Key>,
    /// The issuers of accepted tokens.
    pub jwts: Vec<Jwt>,
}

/// One API key.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Key {
    /// The holder: the caller's name in logs and jobs.
    pub name: String,
    /// The hash of the key.
    pub sha256: KeyHash,
    /// The scopes of the key.
    pub scopes: BTreeSet<Scope>,
    /// The one person whose memories it reaches; absent: all persons.
    #[serde(default)]
    pub user: Option<String>,
    /// The workspaces it reaches; absent: all.
    #[serde(default)]
    pub workspaces: Option<BTreeSet<String>>,
    /// The targets it reaches; absent: all.
    #[serde(default)]
    pub targets: Option<BTreeSet<String>>,
    /// The time when it expires; absent: never.
    #[serde(default, deserialize_with = "text::time")]
    pub expires_at: Option<Timestamp>,
}

// A key can be bound to a person, whose id must not reach a log through `{:?}`.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Auth {
    /// Returns the key that was presented, if it is known.
    pub fn find(&self, presented: &str) -> Option<&Key> {
        let hash = KeyHash::of(presented);
        // Every key is compared, so the time taken does not show which key matched.
        self.keys.iter().fold(None, |found, key| {
            let equal = bool::from(key.sha256.0.ct_eq(&hash.0));
            if equal { Some(key) } else { found }
        })
    }

    /// Adds a key that was read at `path`, after checks against the earlier keys.
    pub(super) fn add(&mut self, path: &str, key: Key, errors: &mut ConfigErrors) {
        errors.require(is_name(&key.name), format_args!("{path}.name"), NAME);
        errors.require(
            !key.scopes.is_empty(),
            format_args!("{path}.scopes"),
            "write at least one scope",
        );
        errors.require(
            self.keys.iter().all(|other| other.name != key.name),
            format_args!("{path}.name"),
            "write another name: this one is taken",
        );
        errors.require(
            self.keys.iter().all(|other| other.sha256 != key.sha256),
            format_args!("{path}.sha256"),
            "write the hash of another key: an earlier entry has this one",
        );
        errors.require(
            key.user.as_deref().is_none_or(is_text),
            format_args!("{path}.user"),
            "write the person's id, or remove it",
        );
        let named = |names: &BTreeSet<String>| !names.is_empty() && names.iter().all(|name| is_text(name));
        errors.require(
            key.workspaces.as_ref().is_none_or(named),
            format_args!("{path}.workspaces"),
            "write at least one workspace, or remove it",
        );
        errors.require(
            key.targets.as_ref().is_none_or(named),
            format_args!("{path}.targets"),
            "write at least one target, or remove it",
        );
        self.keys.push(key);
    }
}

impl Key {
    /// Returns the person, workspaces and targets that it is restricted to.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            user: self.user.clone(),
            workspaces: self.workspaces.clone(),
            targets: self.targets.clone(),
        }
    }

    /// Returns whether the key has expired at `now`.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Returns whether the key has `scope`; `admin` includes all scopes.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

/// The SHA-256 of an API key.
// A key has enough entropy, so it needs no slow hash against guessing.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Returns a new key and its hash. The key has 256 random bits, and a prefix that secret
    /// scanners find.
    pub fn make() -> (String, Self) {
        let bytes: [u8; 32] = rand::random();
        let key = format!("lethe_{}", Self(bytes));
        let hash = Self::of(&key);
        (key, hash)
    }

    /// Returns the hash of `key`.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TryFrom<String> for KeyHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || "write the SHA-256 of the key as 64 hexadecimal digits".to_owned();
        let mut hash = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 2 * hash.len() {
            return Err(wrong());
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or_else(wrong);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

/// A permission of an API key.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    EnumIter,
    IntoStaticStr,
    EnumString,
    VariantNames,
)]
#[serde(try_from = "String")]
pub enum Scope {
    /// Erasing the caller's own memories, or the memories of an owner who is named.
    #[strum(serialize = "memories:delete")]
    MemoriesDelete,
    /// Erasing memories without naming their owner.
    #[strum(serialize = "memories:delete:any")]
    MemoriesDeleteAny,
    /// Erasing all memories of a person.
    #[strum(serialize = "subjects:erase")]
    SubjectsErase,
    /// Reading jobs.
    #[strum(serialize = "jobs:read")]
    JobsRead,
    /// Cancelling, retrying, pausing.
    #[strum(serialize = "jobs:admin")]
    JobsAdmin,
    /// Placing, reading and releasing legal holds.
    #[strum(serialize = "holds:admin")]
    HoldsAdmin,
    /// Reading the audit trail.
    #[strum(serialize = "audit:read")]
    AuditRead,
    /// Reading all receipts, and the log.
    #[strum(serialize = "receipts:read")]
    ReceiptsRead,
    /// Reading metrics on the api's own listener.
    #[strum(serialize = "metrics:read")]
    MetricsRead,
    /// All of them.
    #[strum(serialize = "admin")]
    Admin,
}

impl Scope {
    /// Returns the word used in the file and in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text)
    }
}
