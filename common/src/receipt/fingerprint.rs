//! Keyed hashes in place of persons, requests and workers.
//!
//! Each job has a random key of its own. The key is destroyed when the job's ids are forgotten: from then on nobody can
//! compute which person a receipt is about. While the key is there, the operator can show it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::job::Field;
use crate::receipt::hex;

/// The name of the algorithm, before the digits.
const PREFIX: &str = "hmac-sha256:";

/// The key of one job's fingerprints.
// A secret: no `Debug`.
#[derive(Clone)]
pub struct FingerprintKey([u8; 32]);

impl FingerprintKey {
    /// Returns a new random key.
    pub fn fresh() -> Self {
        Self(rand::random())
    }

    /// Returns the key as the ledger stores it: 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// Reads a stored key.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).map(Self)
    }

    /// Returns the fingerprint of a person, or of the agent, application, run or workspace that acts for one.
    pub fn person(&self, field: Field, value: &str) -> String {
        self.of(word(field), value)
    }

    /// Returns the fingerprint of the caller who asked.
    pub fn caller(&self, name: &str) -> String {
        self.of("caller", name)
    }

    /// Returns the fingerprint of a worker.
    pub fn worker(&self, name: &str) -> String {
        self.of("worker", name)
    }

    fn of(&self, field: &str, value: &str) -> String {
        let mut mac = self.mac();
        for part in ["lethe-fingerprint/v1\n", field, "\n", value] {
            mac.update(part.as_bytes());
        }
        end(mac)
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length")
    }
}

/// The word of a field in a fingerprint. It must not change: an operator computes old fingerprints again.
fn word(field: Field) -> &'static str {
    match field {
        Field::User => "user",
        Field::Agent => "agent",
        Field::App => "app",
        Field::Run => "run",
        Field::Workspace => "workspace",
        Field::Kind => "kind",
    }
}

/// The keyed hash of a request, which grows with each part.
#[derive(Clone)]
pub struct RequestHash(Hmac<Sha256>);

impl RequestHash {
    /// Begins the hash of a request.
    pub fn begin(key: &FingerprintKey) -> Self {
        let mut mac = key.mac();
        mac.update(b"lethe-request/v1\n");
        Self(mac)
    }

    /// Adds bytes of the request.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds an id of the request's list. The order of ids counts.
    pub fn add_id(&mut self, id: &str) {
        self.0.update(&[0]);
        self.0.update(id.as_bytes());
    }

    /// Returns the hash.
    pub fn end(self) -> String {
        end(self.0)
    }
}

fn end(mac: Hmac<Sha256>) -> String {
    format!("{PREFIX}{}", hex::encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fingerprint_is_the_one_that_openssl_computes() {
        // printf 'lethe-fingerprint/v1\nuser\nana' | openssl dgst -sha256 -mac hmac -macopt hexkey:0000…
        let key = FingerprintKey::parse(&"00".repeat(32)).unwrap();
        let expected = "16634e8d2dce07d64413c80670e2919de153511271717178e041621e0b8e5fab";
        assert_eq!(key.person(Field::User, "ana"), format!("hmac-sha256:{expected}"));
        assert_ne!(key.person(Field::Agent, "ana"), key.person(Field::User, "ana"));
        assert_ne!(key.caller("ana"), key.worker("ana"));
        assert_ne!(
            FingerprintKey::fresh().person(Field::User, "ana"),
            key.person(Field::User, "ana")
        );
    }

    #[test]
    fn a_key_is_read_as_it_is_stored() {
        let key = FingerprintKey::fresh();
        let again = FingerprintKey::parse(&key.hex()).unwrap();
        assert_eq!(again.worker("w"), key.worker("w"));
        assert!(FingerprintKey::parse("0").is_none());
    }

    #[test]
    fn the_bounds_between_ids_count() {
        let key = FingerprintKey::fresh();
        let hash = |ids: &[&str]| {
            let mut hash = RequestHash::begin(&key);
            hash.add(b"{}");
            for id in ids {
                hash.add_id(id);
            }
            hash.end()
        };
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
        for other in [&["b", "a"][..], &["ab"], &["a"], &["a", "b", ""]] {
            assert_ne!(hash(other), hash(&["a", "b"]), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_fingerprint_shows_its_value(value in "[g-zG-Z@.]{1,40}") {
            let key = FingerprintKey::fresh();
            let digits = key.person(Field::User, &value);
            let digits = digits.strip_prefix(PREFIX).unwrap();
            prop_assert!(!digits.contains(&value));
            prop_assert_eq!(digits.len(), 64);
        }
    }
}
