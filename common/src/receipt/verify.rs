//! Verifying a receipt with nothing but the file, the list of keys and, for its place in the log, the proof.

use crate::receipt::body::Body;
use crate::receipt::dsse::{Envelope, entry_hash};
use crate::receipt::error::ReceiptError;
use crate::receipt::keys::{Key, KeyId, KeySet};
use crate::receipt::payload::{self, Payload};
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::entry::Entry;
use crate::tlog::hash;
use crate::tlog::note::NoteKey;
use crate::tlog::proof::verify_inclusion;
use crate::tlog::proof_file::ProofFile;

/// A receipt that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The installation that signed it.
    pub issuer: String,
    /// Its statement.
    pub body: Body,
    /// The keys that signed it, at least one.
    pub keys: Vec<KeyId>,
    /// Its place in the log; `None` without a proof.
    pub logged: Option<Logged>,
}

/// The time in milliseconds by which clocks may differ: a key that retired so long before the end may still have signed.
const MARGIN: i64 = 5 * 60 * 1000;

/// The place of a receipt in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// The index of its entry.
    pub index: u64,
    /// The number of entries when the log signed the checkpoint.
    pub size: u64,
}

/// Verifies a receipt: its signatures, and its proof if there is one in the file or beside it.
///
/// `origin` is the name of the log. The proof beside the file goes before the proof in it.
///
/// # Errors
/// Returns the first fault.
pub fn verify(file: &[u8], keys: &KeySet, origin: &str, proof: Option<&str>) -> Result<Verified, ReceiptError> {
    let envelope = Envelope::read(file)?;
    let signed_by = envelope.verify(keys)?;
    let bytes = envelope.payload_bytes()?;
    let read = payload::read(&bytes)?;
    agree(&read, &envelope, &signed_by, keys)?;
    let logged = match proof.or(envelope.tlog_proof.as_deref()) {
        Some(proof) => {
            let entry = Entry::Receipt {
                id: read.erasure.receipt_id,
                hash: entry_hash(&bytes),
            };
            Some(place(&entry.text(), keys, origin, proof)?)
        }
        None => None,
    };
    Ok(Verified {
        issuer: read.issuer,
        body: read.erasure,
        keys: signed_by,
        logged,
    })
}

/// Refuses a statement that its signatures and the list of keys contradict.
fn agree(read: &Payload, envelope: &Envelope, signed_by: &[KeyId], keys: &KeySet) -> Result<(), ReceiptError> {
    if read.issuer != keys.issuer {
        return Err(ReceiptError::OtherIssuer);
    }
    // During a rotation a list that was saved earlier may lack the new key. Another key of the list has signed then.
    let named = &read.key_id;
    let is_unknown = keys.keys.iter().all(|key| key.key_id != *named);
    let is_beside = envelope
        .signatures
        .iter()
        .any(|signature| signature.keyid == named.as_str());
    let is_signer = signed_by.contains(named) || is_unknown && is_beside;
    if !is_signer {
        return Err(ReceiptError::OtherKey);
    }
    let ended = read.erasure.times.completed.millis();
    let had_retired = |key: &Key| key.retired.is_some_and(|at| at.millis().saturating_add(MARGIN) < ended);
    let mut signers = keys.keys.iter().filter(|key| signed_by.contains(&key.key_id));
    if signers.all(had_retired) {
        return Err(ReceiptError::RetiredKey);
    }
    Ok(())
}

/// Returns the place of an entry that a proof shows.
fn place(entry: &str, keys: &KeySet, origin: &str, proof: &str) -> Result<Logged, ReceiptError> {
    let proof = ProofFile::read(proof).map_err(|_| ReceiptError::BadProof("it is no tlog-proof of version 1"))?;
    let note_keys = keys.public_keys()?;
    let note_keys: Vec<NoteKey> = note_keys
        .iter()
        .map(|key| NoteKey::new(origin, key.bytes()))
        .collect::<Result<_, _>>()
        .map_err(|_| ReceiptError::BadProof("the name of the log cannot be one"))?;
    let checkpoint =
        Checkpoint::open(&proof.checkpoint, origin, &note_keys).map_err(|_| ReceiptError::BadCheckpoint)?;
    let leaf = hash::leaf(entry.as_bytes());
    if !verify_inclusion(&leaf, proof.index, checkpoint.size, &proof.hashes, &checkpoint.root) {
        return Err(ReceiptError::NotInLog);
    }
    Ok(Logged {
        index: proof.index,
        size: checkpoint.size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::dsse::sign;
    use crate::receipt::keys::Signer;
    use crate::receipt::tests::{example, key_set};
    use crate::receipt::time::Time;
    use crate::tlog::note;
    use crate::tlog::proof_file;

    const ORIGIN: &str = "lethe.example/log";

    /// A log of two entries: another one, then that of a payload.
    struct Log {
        signer: Signer,
        checkpoint: String,
        sibling: hash::Hash,
    }

    impl Log {
        fn of(payload: &[u8]) -> Self {
            let signer = Signer::fresh();
            let sibling = hash::leaf(b"another entry");
            let entry = Entry::Receipt {
                id: example().receipt_id,
                hash: entry_hash(payload),
            };
            let root = hash::node(&sibling, &hash::leaf(entry.text().as_bytes()));
            let checkpoint = Checkpoint {
                origin: ORIGIN.to_owned(),
                size: 2,
                root,
            };
            let key = NoteKey::new(ORIGIN, signer.public().bytes()).unwrap();
            let by: &dyn Fn(&[u8]) -> [u8; 64] = &|message| signer.sign(message);
            let checkpoint = note::sign(&checkpoint.text(), &[(&key, by)]);
            Self {
                signer,
                checkpoint,
                sibling,
            }
        }

        fn proof(&self, index: u64) -> String {
            proof_file::write(index, &[self.sibling], &self.checkpoint)
        }
    }

    fn bytes_of(signer: &Signer) -> Vec<u8> {
        payload::payload(&payload::head("lethe.example", &signer.key_id()), &example().text())
    }

    fn file(signer: &Signer, tlog_proof: Option<String>) -> Vec<u8> {
        let bytes = bytes_of(signer);
        serde_json::to_vec(&Envelope::new(&bytes, sign(&[signer], &bytes), tlog_proof)).unwrap()
    }

    #[test]
    fn a_receipt_is_verified_without_a_log() {
        let signer = Signer::fresh();
        let verified = verify(&file(&signer, None), &key_set(&[&signer]), ORIGIN, None).unwrap();
        assert_eq!(verified.body, example());
        assert_eq!(verified.issuer, "lethe.example");
        assert_eq!((verified.keys, verified.logged), (vec![signer.key_id()], None));
    }

    #[test]
    fn a_proof_in_the_file_or_beside_it_shows_the_place() {
        let signer = Signer::fresh();
        let log = Log::of(&bytes_of(&signer));
        let keys = key_set(&[&signer, &log.signer]);
        let place = Some(Logged { index: 1, size: 2 });
        let inside = verify(&file(&signer, Some(log.proof(1))), &keys, ORIGIN, None).unwrap();
        let beside = verify(&file(&signer, None), &keys, ORIGIN, Some(&log.proof(1))).unwrap();
        assert_eq!((inside.logged, beside.logged), (place, place));
    }

    #[test]
    fn a_proof_that_does_not_fit_is_refused() {
        let signer = Signer::fresh();
        let log = Log::of(&bytes_of(&signer));
        let keys = key_set(&[&signer, &log.signer]);
        let fault = |proof: String| verify(&file(&signer, Some(proof)), &keys, ORIGIN, None).unwrap_err();
        assert_eq!(fault(log.proof(0)), ReceiptError::NotInLog);
        assert_eq!(fault(Log::of(b"another").proof(1)), ReceiptError::BadCheckpoint);
        let changed = log.proof(1).replacen("\n2\n", "\n3\n", 1);
        assert_eq!(fault(changed), ReceiptError::BadCheckpoint);
        assert!(matches!(fault("no proof".to_owned()), ReceiptError::BadProof(_)));

        let other_log = verify(&file(&signer, Some(log.proof(1))), &keys, "other.example/log", None);
        assert_eq!(other_log, Err(ReceiptError::BadCheckpoint));
        // The log of another receipt, signed by the same key.
        let signed_again = Signer::fresh();
        let keys = key_set(&[&signer, &log.signer, &signed_again]);
        let other = verify(&file(&signed_again, Some(log.proof(1))), &keys, ORIGIN, None);
        assert_eq!(other, Err(ReceiptError::NotInLog));
    }

    #[test]
    fn a_key_that_had_retired_before_the_end_is_refused() {
        let (old, new) = (Signer::fresh(), Signer::fresh());
        let ended = example().times.completed.millis();
        let mut keys = key_set(&[&old, &new]);
        let mut verified = |signers: &[&Signer], retired: i64| {
            keys.keys[0].retired = Some(Time::from(retired));
            let bytes = bytes_of(&old);
            let envelope = Envelope::new(&bytes, sign(signers, &bytes), None);
            let file = serde_json::to_vec(&envelope).unwrap();
            verify(&file, &keys, ORIGIN, None).map(|verified| verified.keys.len())
        };
        assert_eq!(verified(&[&old], ended), Ok(1));
        assert_eq!(verified(&[&old], ended - MARGIN), Ok(1));
        assert_eq!(verified(&[&old], ended - MARGIN - 1), Err(ReceiptError::RetiredKey));
        assert_eq!(verified(&[&old], i64::MIN), Err(ReceiptError::RetiredKey));
        // The other key still signs.
        assert_eq!(verified(&[&old, &new], ended - MARGIN - 1), Ok(2));
    }

    #[test]
    fn a_statement_of_another_key_or_issuer_is_refused() {
        let (named, other) = (Signer::fresh(), Signer::fresh());
        let bytes = bytes_of(&named);
        let file = |signers: &[&Signer]| {
            let envelope = Envelope::new(&bytes, sign(signers, &bytes), None);
            serde_json::to_vec(&envelope).unwrap()
        };
        let both = key_set(&[&named, &other]);
        assert!(verify(&file(&[&named, &other]), &both, ORIGIN, None).is_ok());
        let by_other = verify(&file(&[&other]), &both, ORIGIN, None);
        assert_eq!(by_other, Err(ReceiptError::OtherKey));
        // A list of before a rotation lacks the named key.
        let before = key_set(&[&other]);
        assert!(verify(&file(&[&named, &other]), &before, ORIGIN, None).is_ok());
        let by_other = verify(&file(&[&other]), &before, ORIGIN, None);
        assert_eq!(by_other, Err(ReceiptError::OtherKey));

        let mut elsewhere = both;
        "elsewhere.example".clone_into(&mut elsewhere.issuer);
        let of_other = verify(&file(&[&named]), &elsewhere, ORIGIN, None);
        assert_eq!(of_other, Err(ReceiptError::OtherIssuer));
    }

    #[test]
    fn a_signed_text_that_is_no_statement_is_refused() {
        let signer = Signer::fresh();
        let envelope = Envelope::new(b"{}", sign(&[&signer], b"{}"), None);
        let file = serde_json::to_vec(&envelope).unwrap();
        let refused = verify(&file, &key_set(&[&signer]), ORIGIN, None);
        assert!(matches!(refused, Err(ReceiptError::Malformed(_))), "{refused:?}");
    }
}
