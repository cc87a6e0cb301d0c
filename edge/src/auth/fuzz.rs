//! Random API keys. Only the key, byte for byte, opens.

use proptest::prelude::*;
use proptest::sample::select;
use tonic::{Request, metadata::AsciiMetadataValue, service::Interceptor};

use super::KeyCheck;
use crate::damage::damage;

/// The number of calls, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 4_096;

const KEY: &str = "a secret: 0123456789";

const WORDS: &[&str] = &["Bearer ", "Bearer ", "bearer ", "Bearer", "Token ", ""];

/// Returns the key, and texts that are close to it.
fn presented() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(KEY.to_owned()),
        8 => damage().prop_map(|damage| damage.of(KEY)),
        1 => Just(KEY.to_uppercase()),
        1 => Just(format!("{KEY}{KEY}")),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn only_the_key_opens(
        key in prop::option::of(presented()),
        bearer in prop::option::of((select(WORDS), presented())),
    ) {
        let bearer = bearer.map(|(word, key)| format!("{word}{key}"));
        let mut request = Request::new(());
        for (name, value) in [("api-key", &key), ("authorization", &bearer)] {
            let Some(value) = value else { continue };
            // A header has no control characters.
            let Ok(value) = AsciiMetadataValue::try_from(value.as_bytes()) else { return Ok(()) };
            request.metadata_mut().insert(name, value);
        }
        let opens = KeyCheck::new(KEY.into()).call(request).is_ok();
        let expected = match key {
            Some(key) => key == KEY,
            None => bearer.is_some_and(|bearer| bearer.strip_prefix("Bearer ") == Some(KEY)),
        };
        prop_assert_eq!(opens, expected);
    }
}
