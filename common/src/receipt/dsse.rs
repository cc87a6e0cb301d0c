//! The envelope of a receipt: DSSE, version 1 of `secure-systems-lab/dsse`.
//!
//! A signature covers the bytes of the payload and its type. So no reader has to serialize JSON in one canonical form. An
//! envelope takes several signatures: of two keys during a rotation, or of another algorithm later.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::receipt::error::ReceiptError;
use crate::receipt::keys::{KeyId, KeySet, Signer};

/// The type of a receipt's payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.lethe.receipt.v1+json";

/// The most signatures that are read. A rotation has two.
const MOST: usize = 64;

/// DSSE lets verifiers read base64 with and without padding.
const READ: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A signed receipt: the file that is handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The payload in base64.
    pub payload: String,
    /// The type of the payload.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// The signatures.
    pub signatures: Vec<Signature>,
    /// The proof that the log has the receipt. No part of DSSE, and not signed with the receipt: the log signs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tlog_proof: Option<String>,
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The id of its key. A hint, which nothing signs.
    #[serde(default)]
    pub keyid: String,
    /// The signature in base64.
    pub sig: String,
}

/// Returns the bytes that are signed: the payload with its type, so that no other kind of message has the same bytes.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Returns the hash of a receipt in its log entry.
// Of the signed bytes, not of the envelope: a signature that is added later needs no other entry.
pub fn entry_hash(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(pae(PAYLOAD_TYPE, payload)).into()
}

/// Signs a receipt's payload with each key.
pub fn sign(signers: &[&Signer], payload: &[u8]) -> Vec<Signature> {
    let message = pae(PAYLOAD_TYPE, payload);
    let signatures = signers.iter().map(|signer| Signature {
        keyid: signer.key_id().into(),
        sig: STANDARD.encode(signer.sign(&message)),
    });
    signatures.collect()
}

impl Envelope {
    /// Returns the envelope of a receipt's payload.
    pub fn new(payload: &[u8], signatures: Vec<Signature>, tlog_proof: Option<String>) -> Self {
        Self {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures,
            tlog_proof,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is no envelope.
    pub fn read(file: &[u8]) -> Result<Self, ReceiptError> {
        serde_json::from_slice(file).map_err(|_| ReceiptError::Malformed("it is no DSSE envelope"))
    }

    /// Returns the bytes of the payload.
    ///
    /// # Errors
    /// It is not base64.
    pub fn payload_bytes(&self) -> Result<Vec<u8>, ReceiptError> {
        decode(&self.payload).ok_or(ReceiptError::Malformed("its payload is not base64"))
    }

    /// Returns the keys that signed the envelope, at least one.
    ///
    /// # Errors
    /// No known key signed it, or it is no receipt.
    pub fn verify(&self, keys: &KeySet) -> Result<Vec<KeyId>, ReceiptError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(ReceiptError::OtherType);
        }
        if self.signatures.len() > MOST {
            return Err(ReceiptError::Malformed("it has too many signatures"));
        }
        let message = pae(&self.payload_type, &self.payload_bytes()?);
        let keys = keys.public_keys()?;
        let (mut signed, mut names_known) = (Vec::new(), false);
        for Signature { keyid, sig } in &self.signatures {
            names_known |= keys.iter().any(|key| key.key_id().as_str() == keyid);
            // A signature of another algorithm has another length. It neither helps nor harms.
            let Some(sig) = decode(sig).and_then(|sig| <[u8; 64]>::try_from(sig).ok()) else {
                continue;
            };
            if let Some(key) = keys.iter().find(|key| key.verify(&message, &sig))
                && !signed.contains(&key.key_id())
            {
                signed.push(key.key_id());
            }
        }
        if !signed.is_empty() {
            return Ok(signed);
        }
        Err(if names_known {
            ReceiptError::BadSignature
        } else {
            ReceiptError::UnknownKey
        })
    }
}

/// Reads base64, standard or safe in URLs: DSSE permits both.
fn decode(text: &str) -> Option<Vec<u8>> {
    let standard = text.replace('-', "+").replace('_', "/");
    READ.decode(standard).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::receipt::tests::key_set;

    const PAYLOAD: &[u8] = b"{\"any\":\"bytes\"}";

    fn signed(signers: &[&Signer]) -> Envelope {
        Envelope::new(PAYLOAD, sign(signers, PAYLOAD), None)
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        // Lengths count bytes.
        assert_eq!(pae("ü", "€".as_bytes()), "DSSEv1 2 ü 3 €".as_bytes());
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let mut envelope = signed(&[&Signer::fresh()]);
        for proof in [None, Some("c2sp.org/tlog-proof@v1\n".to_owned())] {
            envelope.tlog_proof = proof;
            let file = serde_json::to_vec(&envelope).unwrap();
            assert_eq!(Envelope::read(&file), Ok(envelope.clone()));
        }
        assert_eq!(envelope.payload_bytes(), Ok(PAYLOAD.to_vec()));
        for other in [&b""[..], b"{}", b"[]", b"{\"payload\":\"\",\"payloadType\":\"\"}"] {
            assert!(matches!(Envelope::read(other), Err(ReceiptError::Malformed(_))));
        }
    }

    #[test]
    fn a_file_with_too_many_signatures_is_refused() {
        let signer = Signer::fresh();
        let mut envelope = signed(&[&signer]);
        let keys = key_set(&[&signer]);
        envelope.signatures = vec![envelope.signatures[0].clone(); MOST];
        assert_eq!(envelope.verify(&keys), Ok(vec![signer.key_id()]));
        envelope.signatures.extend(sign(&[&signer], PAYLOAD));
        assert!(matches!(envelope.verify(&keys), Err(ReceiptError::Malformed(_))));
    }

    #[test]
    fn a_rotated_key_verifies_as_long_as_the_list_has_it() {
        let (old, new, other) = (Signer::fresh(), Signer::fresh(), Signer::fresh());
        let by_both = signed(&[&new, &old]);
        let both = vec![new.key_id(), old.key_id()];
        assert_eq!(by_both.verify(&key_set(&[&old, &new])), Ok(both));
        // One signature is enough, and an unknown one is no fault.
        assert_eq!(by_both.verify(&key_set(&[&old])), Ok(vec![old.key_id()]));
        let by_old = signed(&[&old]);
        assert_eq!(by_old.verify(&key_set(&[&new])), Err(ReceiptError::UnknownKey));
        assert_eq!(by_both.verify(&key_set(&[&other])), Err(ReceiptError::UnknownKey));
    }

    #[test]
    fn the_id_of_a_key_is_a_hint() {
        let (signer, other) = (Signer::fresh(), Signer::fresh());
        let keys = key_set(&[&signer, &other]);
        let mut envelope = signed(&[&signer]);
        for keyid in [String::new(), other.key_id().into()] {
            envelope.signatures[0].keyid = keyid;
            assert_eq!(envelope.verify(&keys), Ok(vec![signer.key_id()]));
        }
        envelope.signatures[0].sig = sign(&[&other], b"another payload")[0].sig.clone();
        assert_eq!(envelope.verify(&keys), Err(ReceiptError::BadSignature));
    }

    #[test]
    fn a_signature_of_another_algorithm_is_skipped() {
        let signer = Signer::fresh();
        let mut envelope = signed(&[&signer]);
        let longer = Signature {
            keyid: "f".repeat(64),
            sig: STANDARD.encode([7; 2420]),
        };
        envelope.signatures.insert(0, longer);
        assert_eq!(envelope.verify(&key_set(&[&signer])), Ok(vec![signer.key_id()]));
        envelope.signatures.truncate(1);
        assert_eq!(envelope.verify(&key_set(&[&signer])), Err(ReceiptError::UnknownKey));
    }

    #[test]
    fn base64_may_be_safe_in_urls_and_without_padding() {
        let signer = Signer::fresh();
        let mut envelope = Envelope::new(
            &[0xfb, 0xff, 0xfe, 0xfb],
            sign(&[&signer], &[0xfb, 0xff, 0xfe, 0xfb]),
            None,
        );
        let safe = |text: &str| {
            text.replace('+', "-")
                .replace('/', "_")
                .trim_end_matches('=')
                .to_owned()
        };
        envelope.payload = safe(&envelope.payload);
        envelope.signatures[0].sig = safe(&envelope.signatures[0].sig);
        assert!(envelope.payload.contains('-') && envelope.payload.contains('_'));
        assert_eq!(envelope.verify(&key_set(&[&signer])), Ok(vec![signer.key_id()]));
    }

    #[test]
    fn another_type_is_no_receipt() {
        let signer = Signer::fresh();
        let mut envelope = signed(&[&signer]);
        let payload_type = "application/vnd.in-toto+json";
        let message = pae(payload_type, PAYLOAD);
        envelope.payload_type = payload_type.to_owned();
        envelope.signatures[0].sig = STANDARD.encode(signer.sign(&message));
        assert_eq!(envelope.verify(&key_set(&[&signer])), Err(ReceiptError::OtherType));
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_found(part in 0..3_u8, at in any::<prop::sample::Index>(), with in 1..=255_u8) {
            let signer = Signer::fresh();
            let mut envelope = signed(&[&signer]);
            let flip = |bytes: &mut [u8]| bytes[at.index(bytes.len())] ^= with;
            match part {
                0 => {
                    let mut payload = PAYLOAD.to_vec();
                    flip(&mut payload);
                    envelope.payload = STANDARD.encode(payload);
                }
                1 => {
                    let mut sig = STANDARD.decode(&envelope.signatures[0].sig).unwrap();
                    flip(&mut sig);
                    envelope.signatures[0].sig = STANDARD.encode(sig);
                }
                _ => {
                    let mut payload_type = envelope.payload_type.clone().into_bytes();
                    flip(&mut payload_type);
                    envelope.payload_type = String::from_utf8_lossy(&payload_type).into_owned();
                }
            }
            prop_assert!(envelope.verify(&key_set(&[&signer])).is_err());
        }
    }
}
