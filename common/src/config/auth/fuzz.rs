//! Random keys. Only a known key, byte for byte, is found.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::{Auth, Key, KeyHash, Scope};
use crate::damage::damage;

/// The number of keys, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 8_192;

const KEYS: &[&str] = &["lethe_0123456789abcdef", "Another key: é", "0"];

/// Returns known keys, and texts that are close to one.
fn presented() -> impl Strategy<Value = String> {
    let known = || select(KEYS);
    prop_oneof![
        1 => known().prop_map(str::to_owned),
        8 => (known(), damage()).prop_map(|(key, damage)| damage.of(key)),
        1 => known().prop_map(str::to_uppercase),
        1 => known().prop_map(|key| format!("{key}\n")),
        1 => known().prop_map(|key| KeyHash::of(key).to_string()),
        1 => (known(), known()).prop_map(|(one, other)| format!("{one}{other}")),
        1 => any::<String>(),
    ]
}

fn auth() -> Auth {
    let key = |name: &str| Key {
        name: name.to_owned(),
        sha256: KeyHash::of(name),
        scopes: BTreeSet::from([Scope::JobsRead]),
        user: None,
        workspaces: None,
        targets: None,
        expires_at: None,
    };
    Auth {
        keys: KEYS.iter().copied().map(key).collect(),
        jwts: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn only_a_known_key_is_found(presented in presented()) {
        let auth = auth();
        let found = auth.find(&presented).map(|key| key.name.as_str());
        let known = KEYS.iter().copied().find(|key| *key == presented);
        prop_assert_eq!(found, known);
    }

    #[test]
    fn a_hash_is_64_hexadecimal_digits(
        text in prop_oneof!["[0-9a-fA-F]{64}", "[0-9a-fA-F]{62,66}", "[0-9a-gé]{60,64}", any::<String>()],
    ) {
        let is_hash = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        match KeyHash::try_from(text.clone()) {
            Ok(hash) => prop_assert!(is_hash && hash.to_string() == text.to_ascii_lowercase()),
            Err(says) => prop_assert!(!is_hash && says.starts_with("write ")),
        }
    }
}
