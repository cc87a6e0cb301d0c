//! Keys as PEM files, in the form that OpenSSL writes.
//!
//! The DER of an Ed25519 key is a fixed prefix and 32 bytes (RFC 8410), so no ASN.1 is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A kind of key in a PEM file.
pub(super) struct Form {
    /// The word between the dashes.
    label: &'static str,
    /// The DER before the 32 bytes.
    prefix: &'static [u8],
}

/// A private key: PKCS #8.
pub(super) const PRIVATE: Form = Form {
    label: "PRIVATE KEY",
    prefix: &[
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ],
};

/// A public key: `SubjectPublicKeyInfo`.
pub(super) const PUBLIC: Form = Form {
    label: "PUBLIC KEY",
    prefix: &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
};

/// Returns a key as PEM.
pub(super) fn encode(form: &Form, key: &[u8; 32]) -> String {
    let Form { label, prefix } = form;
    // Shorter than the 64 characters of a line.
    let text = STANDARD.encode([*prefix, key].concat());
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Returns the key of a PEM file. Text before and after it is skipped.
pub(super) fn decode(form: &Form, text: &str) -> Option<[u8; 32]> {
    let Form { label, prefix } = form;
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let inside: String = inside.split_ascii_whitespace().collect();
    let der = STANDARD.decode(inside).ok()?;
    der.strip_prefix(*prefix)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written_and_with_other_ends_of_lines() {
        let key: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        for form in [&PRIVATE, &PUBLIC] {
            let text = encode(form, &key);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(decode(form, &text), Some(key));
            let other = format!("a comment\r\n{}", text.replace('\n', "\r\n"));
            assert_eq!(decode(form, &other), Some(key));
            assert_eq!(decode(form, &text.replacen('M', "N", 1)), None);
        }
        assert_eq!(decode(&PRIVATE, &encode(&PUBLIC, &key)), None);
    }
}
