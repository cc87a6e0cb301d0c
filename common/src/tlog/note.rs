//! Signed notes: a text, and lines with its signatures (C2SP `signed-note`), by Ed25519 only.

mod error;
mod key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};

pub use self::error::NoteError;
pub use self::key::NoteKey;

/// What begins the line of a signature.
const MARK: &str = "\u{2014} ";

/// The most signatures that are read. Witnesses may add some to a log's own.
const MOST: usize = 64;

/// A key of a note, and what signs with its private part.
pub type Signing<'s> = (&'s NoteKey, &'s dyn Fn(&[u8]) -> [u8; 64]);

/// Signs a text, which ends with a line end.
pub fn sign(text: &str, signers: &[Signing<'_>]) -> String {
    let mut note = format!("{text}\n");
    for (key, signer) in signers {
        let mut bytes = key.id().to_be_bytes().to_vec();
        bytes.extend(signer(text.as_bytes()));
        note.extend([MARK, key.name(), " ", STANDARD.encode(bytes).as_str(), "\n"]);
    }
    note
}

/// Checks the signatures of a note, and returns its text. Signatures of other keys count for nothing.
///
/// # Errors
///
/// If the note is malformed, if no signature is by one of the keys, or if such a signature is wrong.
pub fn open<'n>(note: &'n str, keys: &[NoteKey]) -> Result<&'n str, NoteError> {
    let is_control = |c: char| c < ' ' && c != '\n';
    let (text, lines) = note
        .rsplit_once("\n\n")
        .filter(|_| !note.contains(is_control))
        .ok_or(NoteError::Malformed("it is no text with signatures"))?;
    // With its last line end, which the blank line follows.
    let text = note.get(..=text.len()).unwrap_or_default();
    let lines = lines
        .strip_suffix('\n')
        .ok_or(NoteError::Malformed("its last line does not end"))?;
    if lines.split('\n').count() > MOST {
        return Err(NoteError::Malformed("it has too many signatures"));
    }
    let mut is_signed = false;
    for line in lines.split('\n') {
        let (name, id, signature) = signature(line).ok_or(NoteError::Malformed("a line is no signature"))?;
        // A short key id is no proof. Two keys may share it, and the one that fits decides.
        let mut known = keys
            .iter()
            .filter(|key| key.name() == name && key.id() == id)
            .peekable();
        if known.peek().is_none() {
            continue;
        }
        if !known.any(|key| is_by(key, text, &signature)) {
            return Err(NoteError::BadSignature(name.to_owned()));
        }
        is_signed = true;
    }
    if is_signed { Ok(text) } else { Err(NoteError::Unsigned) }
}

/// Reads the line of a signature: the name and the id of its key, and its bytes.
fn signature(line: &str) -> Option<(&str, u32, Vec<u8>)> {
    let (name, signature) = line.strip_prefix(MARK)?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    if name.is_empty() || signature.is_empty() {
        return None;
    }
    Some((name, u32::from_be_bytes(*id), signature.to_vec()))
}

fn is_by(key: &NoteKey, text: &str, signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_bytes(key.public()), Signature::from_slice(signature)) else {
        return false;
    };
    key.verify_strict(text.as_bytes(), &signature).is_ok()
}

#[cfg(test)]
mod tests;
