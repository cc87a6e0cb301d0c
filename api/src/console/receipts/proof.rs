//! The proof of a receipt: its signatures, and its place in the log.

use lethe_common::receipt::{Envelope, Logged, Verified, entry_hash};
use lethe_common::tlog::entry::Entry;

use super::facts::{Facts, fact};
use super::read::Signed;
use crate::console::words;

/// Returns the proof of a receipt that was verified.
pub(super) fn proof(signed: &Signed, verified: &Verified) -> Facts {
    let Signed { envelope, origin, .. } = signed;
    let keys = verified.keys.iter().map(ToString::to_string);
    let signatures = envelope.signatures.iter().map(|signature| signature.sig.clone());
    Facts::new(
        ("proof", "Signatures and place in the log"),
        [
            fact("Signed by the key", keys),
            fact("Signature, Ed25519", signatures),
            fact("Log", [origin.clone()]),
            fact("Place in the log", verified.logged.map(place)),
            fact("Line of the log", line(envelope, verified)),
        ],
    )
}

/// Returns a place in the log in words.
fn place(Logged { index, size }: Logged) -> String {
    let entries = words::many(size, "entry", "entries");
    format!("{index}, counted from 0, in a log of {entries}")
}

/// Returns the entry of a receipt, as the log has it.
fn line(envelope: &Envelope, verified: &Verified) -> Option<String> {
    let payload = envelope.payload_bytes().ok()?;
    let entry = Entry::Receipt {
        id: verified.body.receipt_id,
        hash: entry_hash(&payload),
    };
    Some(entry.text())
}
