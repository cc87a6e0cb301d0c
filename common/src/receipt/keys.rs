//! The keys that sign receipts and checkpoints, and the published list of public keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::receipt::error::ReceiptError;
use crate::receipt::hex;
use crate::receipt::pem;
use crate::receipt::time::Time;

/// The only algorithm so far. Readers skip keys of others.
pub const ALGORITHM: &str = "Ed25519";

/// The id of a key: the SHA-256 of the public key's 32 bytes, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    fn of(public: &[u8; 32]) -> Self {
        Self(hex::encode(&Sha256::digest(public)))
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = ReceiptError;

    fn from_str(text: &str) -> Result<Self, ReceiptError> {
        let known = hex::decode(text).map(|_| Self(text.to_owned()));
        known.ok_or(ReceiptError::BadKey("its id is not 64 lower-case hexadecimal digits"))
    }
}

impl TryFrom<String> for KeyId {
    type Error = ReceiptError;

    fn try_from(text: String) -> Result<Self, ReceiptError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

/// A private key.
// A secret: no `Debug`. The key overwrites its memory when it is dropped.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl Signer {
    /// Returns a new random key.
    pub fn fresh() -> Self {
        Self::from_seed(&rand::random())
    }

    /// Returns the key of 32 secret bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a private key of 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode(&text.to_ascii_lowercase()).map(|seed| Self::from_seed(&seed))
    }

    /// Reads a private key in PEM.
    ///
    /// # Errors
    /// The text holds no such key.
    pub fn from_pem(text: &str) -> Result<Self, ReceiptError> {
        let seed = pem::decode(&pem::PRIVATE, text);
        seed.map(|seed| Self::from_seed(&seed)).ok_or(ReceiptError::BadKey(
            "it is no private key of Ed25519 in PEM; make one with `openssl genpkey -algorithm ed25519`",
        ))
    }

    /// Returns the private key in PEM. Write it to a file that only its owner reads.
    pub fn to_pem(&self) -> String {
        pem::encode(&pem::PRIVATE, self.0.as_bytes())
    }

    /// Returns the id of the key.
    pub fn key_id(&self) -> KeyId {
        self.public().key_id()
    }

    /// Returns the public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads the 32 bytes of a public key.
    ///
    /// # Errors
    /// The bytes are no key, or a key whose signatures prove nothing.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, ReceiptError> {
        let key = VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak());
        let bad = ReceiptError::BadKey("its bytes are no public key of Ed25519");
        key.map(Self).ok_or(bad)
    }

    /// Reads a public key in PEM.
    ///
    /// # Errors
    /// The text holds no such key.
    pub fn from_pem(text: &str) -> Result<Self, ReceiptError> {
        let bytes = pem::decode(&pem::PUBLIC, text);
        let bytes = bytes.ok_or(ReceiptError::BadKey("it is no public key of Ed25519 in PEM"))?;
        Self::from_bytes(&bytes)
    }

    /// Returns the key in PEM, as `openssl pkey -pubin` reads it.
    pub fn to_pem(&self) -> String {
        pem::encode(&pem::PUBLIC, self.bytes())
    }

    /// Returns the 32 bytes of the key.
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the id of the key.
    pub fn key_id(&self) -> KeyId {
        KeyId::of(self.bytes())
    }

    /// Returns whether a signature is by this key, about this message.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        // Strict: no signature can be changed into another one that fits too.
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

/// A key of the published list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its id.
    pub key_id: KeyId,
    /// Its algorithm, such as [`ALGORITHM`].
    pub algorithm: String,
    /// The 32 bytes of the public key in base64.
    pub public_key: String,
    /// The public key in PEM.
    pub pem: String,
    /// The public key as verifiers of logs read it.
    pub note_key: String,
    /// When the installation first used it.
    pub made: Time,
    /// Since when it signs nothing; its receipts stay valid.
    pub retired: Option<Time>,
}

impl Key {
    /// Returns the entry of a public key.
    pub fn new(public: &PublicKey, note_key: String, made: Time, retired: Option<Time>) -> Self {
        Self {
            key_id: public.key_id(),
            algorithm: ALGORITHM.to_owned(),
            public_key: STANDARD.encode(public.bytes()),
            pem: public.to_pem(),
            note_key,
            made,
            retired,
        }
    }

    /// Returns the public key, or `None` if the key is of another algorithm.
    ///
    /// # Errors
    /// The forms of the key contradict each other.
    fn public(&self) -> Result<Option<PublicKey>, ReceiptError> {
        if self.algorithm != ALGORITHM {
            return Ok(None);
        }
        let public = PublicKey::from_pem(&self.pem)?;
        let agree = public.key_id() == self.key_id && STANDARD.encode(public.bytes()) == self.public_key;
        if agree {
            Ok(Some(public))
        } else {
            Err(ReceiptError::BadKey(
                "its id, its bytes and its PEM are not those of one key",
            ))
        }
    }
}

/// The list of public keys that an installation publishes: `/.well-known/lethe-keys.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// The installation that signs.
    pub issuer: String,
    /// The name of its log.
    pub origin: String,
    /// Where the schema of its receipts is.
    pub schema: String,
    /// The keys, retired ones too.
    pub keys: Vec<Key>,
}

impl KeySet {
    /// Reads a published list.
    ///
    /// # Errors
    /// It is no list of keys, or a key contradicts itself.
    pub fn read(file: &[u8]) -> Result<Self, ReceiptError> {
        let no = ReceiptError::BadKey("the file is no list of keys, as /.well-known/lethe-keys.json has it");
        let set: Self = serde_json::from_slice(file).map_err(|_| no)?;
        set.public_keys()?;
        Ok(set)
    }

    /// Returns the public keys of a known algorithm.
    ///
    /// # Errors
    /// A key contradicts itself.
    pub fn public_keys(&self) -> Result<Vec<PublicKey>, ReceiptError> {
        self.keys.iter().filter_map(|key| key.public().transpose()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test 1 of RFC 8032, section 7.1: the seed, the public key and the signature of nothing.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const SIGNATURE: &str = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

    /// The same keys as OpenSSL writes them.
    const PRIVATE_PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

    fn signer() -> Signer {
        Signer::from_seed(&hex::decode(SEED).unwrap())
    }

    #[test]
    fn a_signature_is_that_of_the_standard() {
        let signer = signer();
        let signature = signer.sign(b"");
        assert_eq!(hex::encode(&signature), SIGNATURE);
        assert_eq!(hex::encode(signer.public().bytes()), PUBLIC);
        assert!(signer.public().verify(b"", &signature));
        assert!(!signer.public().verify(b"more", &signature));
    }

    #[test]
    fn keys_are_read_and_written_as_openssl_does() {
        assert_eq!(signer().to_pem(), PRIVATE_PEM);
        assert_eq!(signer().public().to_pem(), PUBLIC_PEM);
        let read = Signer::from_pem(PRIVATE_PEM).map(|signer| signer.key_id());
        assert_eq!(read, Ok(signer().key_id()));
        assert_eq!(PublicKey::from_pem(PUBLIC_PEM), Ok(signer().public()));
        assert!(Signer::from_pem(PUBLIC_PEM).is_err() && PublicKey::from_pem("").is_err());
    }

    #[test]
    fn the_id_of_a_key_is_the_hash_of_its_bytes() {
        let id = "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9";
        assert_eq!(signer().key_id().as_str(), id);
        assert!("x".parse::<KeyId>().is_err() && id.to_uppercase().parse::<KeyId>().is_err());
    }

    #[test]
    fn a_key_that_proves_nothing_is_refused() {
        // The neutral element: every signature with a zero scalar would fit.
        let mut weak = [0; 32];
        weak[0] = 1;
        assert!(PublicKey::from_bytes(&weak).is_err());
    }

    #[test]
    fn a_list_is_read_as_it_was_written_and_a_contradiction_is_refused() {
        let key = Key::new(&signer().public(), String::new(), Time::from(0), None);
        let mut set = KeySet {
            issuer: "lethe.example".to_owned(),
            origin: "lethe.example/log".to_owned(),
            schema: String::new(),
            keys: vec![key.clone()],
        };
        let read = |set: &KeySet| KeySet::read(&serde_json::to_vec(set).unwrap());
        assert_eq!(read(&set), Ok(set.clone()));

        // A key of a later algorithm is skipped.
        set.keys.push(Key {
            algorithm: "ML-DSA-44".to_owned(),
            pem: String::new(),
            ..key.clone()
        });
        assert_eq!(read(&set).unwrap().public_keys(), Ok(vec![signer().public()]));

        let other = Signer::fresh().public();
        for wrong in [
            Key {
                key_id: other.key_id(),
                ..key.clone()
            },
            Key {
                pem: other.to_pem(),
                ..key.clone()
            },
            Key {
                public_key: STANDARD.encode(other.bytes()),
                ..key
            },
        ] {
            set.keys = vec![wrong];
            assert!(matches!(read(&set), Err(ReceiptError::BadKey(_))));
        }
        assert!(KeySet::read(b"{}").is_err());
    }
}
