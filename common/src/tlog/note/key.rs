//! The public keys of notes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::NoteError;

/// The signature type of Ed25519.
const ED25519: u8 = 1;

/// A public key by its name in notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    id: u32,
    public: [u8; 32],
}

impl NoteKey {
    /// Names a public key. A log's key has the log's origin as its name.
    ///
    /// # Errors
    ///
    /// If no note can have the name: it is empty, or has a space, a `+` or a control character.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(NoteError::Malformed("a key's name has a space or a `+`, or is empty"));
        }
        Ok(Self {
            id: id(name, public),
            name: name.to_owned(),
            public: *public,
        })
    }

    /// Reads a key in the form of [`NoteKey::vkey`].
    ///
    /// # Errors
    ///
    /// If the text is no such key, or its id is another one.
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed("a key is not `name+id+base64`");
        // The key itself may have a `+`, the name has none.
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed);
        };
        let Ok(bytes) = STANDARD.decode(key) else {
            return Err(malformed);
        };
        let Some((&ED25519, public)) = bytes.split_first() else {
            return Err(NoteError::Malformed("a key is not of Ed25519"));
        };
        let key = Self::new(name, public.try_into().map_err(|_| malformed)?)?;
        if key.hex_id() == id {
            Ok(key)
        } else {
            Err(NoteError::Malformed("a key does not have the id that it names"))
        }
    }

    /// Writes the key in one line, as the tools of other logs read it.
    pub fn vkey(&self) -> String {
        let bytes = [[ED25519].as_slice(), &self.public].concat();
        format!("{}+{}+{}", self.name, self.hex_id(), STANDARD.encode(bytes))
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id: the first bytes of a hash over name and key.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns the public key.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    fn hex_id(&self) -> String {
        format!("{:08x}", self.id)
    }
}

fn id(name: &str, public: &[u8; 32]) -> u32 {
    let hasher = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]);
    let hash: [u8; 32] = hasher.chain_update(public).finalize().into();
    let [a, b, c, d, ..] = hash;
    u32::from_be_bytes([a, b, c, d])
}
