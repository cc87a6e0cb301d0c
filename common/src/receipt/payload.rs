//! The signed payload: the issuer and the key around the statement.
//!
//! The statement is spliced in byte for byte. Nothing formats it again, so that stored and signed bytes agree.

use serde::{Deserialize, Serialize};

use crate::receipt::body::{Body, VERSION, json};
use crate::receipt::error::ReceiptError;
use crate::receipt::keys::KeyId;

/// A signed payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The installation that signs.
    pub issuer: String,
    /// The key that signs first.
    pub key_id: KeyId,
    /// The statement.
    pub erasure: Body,
}

/// The version alone: a later statement may have other fields.
#[derive(Deserialize)]
struct Probe {
    erasure: ProbeBody,
}

#[derive(Deserialize)]
struct ProbeBody {
    version: u64,
}

/// The part of the payload before the statement.
#[derive(Serialize)]
struct Head<'a> {
    issuer: &'a str,
    key_id: &'a KeyId,
}

/// Returns the issuer and the key as a JSON object.
pub fn head(issuer: &str, key_id: &KeyId) -> String {
    json(&Head { issuer, key_id })
}

/// Returns the payload of a head and a statement.
pub fn payload(head: &str, body: &str) -> Vec<u8> {
    let open = head.strip_suffix('}').unwrap_or(head);
    format!("{open},\"erasure\":{body}}}").into_bytes()
}

/// Reads a payload.
///
/// # Errors
/// It is no statement of version 1.
pub fn read(payload: &[u8]) -> Result<Payload, ReceiptError> {
    let no = ReceiptError::Malformed("its payload is no statement about an erasure");
    let probe: Probe = serde_json::from_slice(payload).map_err(|_| no)?;
    if probe.erasure.version != u64::from(VERSION) {
        return Err(ReceiptError::Malformed(
            "its version is another one: a later release of Lethe reads it",
        ));
    }
    serde_json::from_slice(payload).map_err(|_| no)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::keys::Signer;
    use crate::receipt::tests::{EXAMPLE, example};

    #[test]
    fn a_payload_is_read_as_it_was_written() {
        let key_id = Signer::fresh().key_id();
        let issuer = "a \"quoted\" issuer, ünïcode";
        let body = example();
        let bytes = payload(&head(issuer, &key_id), &body.text());
        let read = read(&bytes).unwrap();
        assert_eq!(
            read,
            Payload {
                issuer: issuer.to_owned(),
                key_id,
                erasure: body
            }
        );
        assert_eq!(serde_json::to_vec(&read).unwrap(), bytes);
    }

    #[test]
    fn the_statement_is_in_the_payload_byte_for_byte() {
        // An order of fields and spaces that no serializer here would write.
        let odd = r#"{ "b":1,  "a" : 2 }"#;
        let bytes = payload(&head("i", &Signer::fresh().key_id()), odd);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with(&format!(",\"erasure\":{odd}}}")), "{text}");
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }

    #[test]
    fn another_version_and_other_json_are_refused() {
        let later = EXAMPLE.replacen("\"version\": 1", "\"version\": 2", 1);
        assert_ne!(later, EXAMPLE);
        let refused = read(format!("{{\"issuer\":\"i\",\"erasure\":{later}}}").as_bytes()).unwrap_err();
        assert!(refused.to_string().contains("later release"), "{refused}");
        for other in ["", "{}", "[]", "{\"erasure\":{\"version\":1}}", "\u{feff}{}"] {
            assert!(read(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn fields_that_a_later_release_adds_are_no_fault() {
        let more = EXAMPLE.replacen("\"version\": 1", "\"version\": 1, \"more\": {\"a\": [1]}", 1);
        let key_id = Signer::fresh().key_id();
        assert_eq!(read(&payload(&head("i", &key_id), &more)).unwrap().erasure, example());
    }
}
