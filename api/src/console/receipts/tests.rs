//! A signed receipt for tests of the pages.

use lethe_common::receipt::{Body, Envelope, Key, KeySet, Signer, Time, head, payload, sign};

use super::read::Signed;

/// A statement with a value in almost every field.
const EXAMPLE: &str = include_str!("../../../../common/src/receipt/example.json");

/// Returns the statement.
pub(super) fn example() -> Body {
    serde_json::from_str(EXAMPLE).unwrap()
}

/// Returns the published list of one key.
pub(super) fn key_set(signer: &Signer) -> KeySet {
    KeySet {
        issuer: "lethe.example".to_owned(),
        origin: "lethe.example/log".to_owned(),
        schema: String::new(),
        keys: vec![Key::new(&signer.public(), String::new(), Time::from(0), None)],
    }
}

/// Returns the statement, signed with a key and verified with a list.
pub(super) fn signed(signer: &Signer, keys: &KeySet) -> Signed {
    let bytes = payload(&head("lethe.example", &signer.key_id()), &example().text());
    Signed::of(Envelope::new(&bytes, sign(&[signer], &bytes), None), keys)
}
