//! The private keys that sign receipts and checkpoints.
//!
//! The key is in `receipts.key_file`, or in the ledger's secrets, which workers cannot read. Earlier keys may sign beside
//! it for a while (`receipts.previous_key_files`), so that verifiers have time to learn the new one.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lethe_common::config::Config;
use lethe_common::ledger::{EntryOf, Ledger, LedgerError, LogHead, NewEntry, PendingReceipt};
use lethe_common::receipt::dsse;
use lethe_common::receipt::error::ReceiptError;
use lethe_common::receipt::keys::Signer;
use lethe_common::receipt::payload;
use lethe_common::tlog::checkpoint::Checkpoint;
use lethe_common::tlog::entry::Entry;
use lethe_common::tlog::note::{self, NoteError, NoteKey};

/// The name of the key in the ledger's secrets.
const SECRET: &str = "receipts";

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("the key file {} cannot be read", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file holds no private key.
    #[error("the key file {} cannot be used", path.display())]
    Content {
        /// Its path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: ReceiptError,
    },
    /// The key in the ledger is damaged.
    #[error("the ledger's secret `receipts` is no key")]
    Secret(#[source] ReceiptError),
    /// The log's name cannot stand beside a signature.
    #[error("the name of the log cannot stand in a checkpoint")]
    Origin(#[source] NoteError),
}

/// Reads the key files of a configuration, so that a process with a bad one does not start.
///
/// # Errors
///
/// A file cannot be read, or holds no private key of Ed25519.
pub fn check_keys(config: &Config) -> Result<(), KeyError> {
    let receipts = &config.receipts;
    let mut files = receipts.key_file.iter().chain(&receipts.previous_key_files);
    files.try_for_each(|path| from_file(path).map(drop))
}

/// The keys that sign, the present one first, and the names beside their signatures.
// Secrets: no `Debug`.
pub(super) struct Keys {
    signers: Vec<(Signer, NoteKey)>,
    head: String,
    origin: String,
}

impl Keys {
    /// Reads the keys. The ledger keeps the present one, if no file is configured.
    pub(super) async fn load(config: &Config, ledger: &Ledger) -> Result<Self, LoadError> {
        let receipts = &config.receipts;
        let present = if let Some(path) = &receipts.key_file {
            from_file(path)?
        } else {
            let secret = ledger.secret(SECRET, &Signer::fresh().to_pem()).await?;
            read(&secret).map_err(KeyError::Secret)?
        };
        let head = payload::head(receipts.issuer(), &present.key_id());
        let origin = receipts.origin();
        let mut signers: Vec<(Signer, NoteKey)> = Vec::new();
        let previous = receipts.previous_key_files.iter().map(|path| from_file(path));
        for signer in std::iter::once(Ok(present)).chain(previous) {
            let signer = signer?;
            // Two files may hold one key. The ledger publishes it once.
            if signers.iter().any(|(known, _)| known.key_id() == signer.key_id()) {
                continue;
            }
            let name = NoteKey::new(&origin, signer.public().bytes()).map_err(KeyError::Origin)?;
            signers.push((signer, name));
        }
        Ok(Self { signers, head, origin })
    }

    /// Returns the id and the public key of each, as the ledger publishes them.
    pub(super) fn published(&self) -> Vec<(String, String)> {
        let each = self.signers.iter();
        each.map(|(signer, _)| (signer.key_id().to_string(), STANDARD.encode(signer.public().bytes())))
            .collect()
    }

    /// Signs a receipt. Returns its entry for the log.
    pub(super) fn entry(&self, pending: PendingReceipt) -> NewEntry {
        let payload = payload::payload(&self.head, &pending.body);
        let signers: Vec<&Signer> = self.signers.iter().map(|(signer, _)| signer).collect();
        let signatures = dsse::sign(&signers, &payload);
        let entry = Entry::Receipt {
            id: pending.id,
            hash: dsse::entry_hash(&payload),
        };
        NewEntry {
            entry: entry.text(),
            of: EntryOf::Receipt {
                id: pending.id,
                body: pending.body,
                head: self.head.clone(),
                signatures: serde_json::to_string(&signatures).expect("texts are JSON"),
            },
        }
    }

    /// Returns the signed checkpoint of a head.
    pub(super) fn checkpoint(&self, head: &LogHead) -> String {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: head.size,
            root: head.root,
        };
        let signs: Vec<_> = self
            .signers
            .iter()
            .map(|(signer, name)| (name, move |message: &[u8]| signer.sign(message)))
            .collect();
        let signs: Vec<(&NoteKey, Sign<'_>)> = signs.iter().map(|(name, sign)| (*name, sign as Sign<'_>)).collect();
        note::sign(&checkpoint.text(), &signs)
    }
}

/// Signs a text.
type Sign<'a> = &'a dyn Fn(&[u8]) -> [u8; 64];

/// Why keys could not be loaded.
pub(super) enum LoadError {
    Key(KeyError),
    Ledger(LedgerError),
}

impl From<KeyError> for LoadError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<LedgerError> for LoadError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Reads the private key of a file.
fn from_file(path: &Path) -> Result<Signer, KeyError> {
    let path = path.to_path_buf();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(KeyError::File { path, source }),
    };
    read(&text).map_err(|source| KeyError::Content { path, source })
}

/// Reads a private key: PEM, or 64 hexadecimal digits as `lethe up` writes them.
fn read(text: &str) -> Result<Signer, ReceiptError> {
    Signer::from_hex(text.trim()).map_or_else(|| Signer::from_pem(text), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_pem_or_digits_and_anything_else_is_refused_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let digits = "0123456789abcdef".repeat(4);
        std::fs::write(&path, format!("{digits}\n")).unwrap();
        let by_digits = from_file(&path).ok().unwrap();
        std::fs::write(&path, by_digits.to_pem()).unwrap();
        let by_pem = from_file(&path).ok().unwrap();
        assert_eq!(by_digits.key_id(), by_pem.key_id());
        std::fs::write(&path, digits.to_uppercase()).unwrap();
        assert_eq!(from_file(&path).ok().unwrap().key_id(), by_pem.key_id());

        for wrong in ["", "secret", digits.get(1..).unwrap(), &"zz".repeat(32)] {
            std::fs::write(&path, wrong).unwrap();
            let error = from_file(&path).err().unwrap();
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
            assert!(wrong.is_empty() || !error.to_string().contains(wrong));
        }
        assert!(matches!(
            from_file(&directory.path().join("none")),
            Err(KeyError::File { .. })
        ));
    }
}
