//! Random names of collections. A name never leads out of the directory of collections.

use std::path::{Component, Path};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{COLLECTIONS, check_name};
use crate::damage::damage;

/// The number of names, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 8_192;

const PARTS: &[&str] = &[
    ".", "..", "/", "\\", "a", "%2F", "%2e", "\0", "\u{85}", " ", "~", ":", "é", "\u{2215}", "\u{ff0e}",
];

fn name() -> impl Strategy<Value = String> {
    let damaged = ("[a-z0-9_-]{1,12}", damage()).prop_map(|(name, damage)| damage.of(&name));
    prop_oneof![
        2 => vec(select(PARTS), 0..5).prop_map(|parts| parts.concat()),
        2 => damaged,
        1 => any::<String>(),
        1 => (1..300_usize).prop_map(|letters| "é".repeat(letters)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn an_accepted_name_is_one_directory(name in name()) {
        if check_name(&name).is_ok() {
            let path = Path::new(COLLECTIONS).join(&name);
            let parts: Vec<Component<'_>> = path.components().collect();
            let expected = [COLLECTIONS, name.as_str()].map(|part| Component::Normal(part.as_ref()));
            prop_assert_eq!(parts, expected);
            prop_assert!(!name.contains('\0') && name.len() <= 255);
        }
    }

    #[test]
    fn a_plain_name_is_accepted(name in "[a-z0-9_-]{1,255}") {
        prop_assert!(check_name(&name).is_ok());
    }
}
