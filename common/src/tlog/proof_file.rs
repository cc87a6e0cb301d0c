//! Proof files: everything that shows without a connection that a log has an entry (C2SP `tlog-proof`).

use super::checkpoint::Checkpoint;
use super::hash::{Hash, from_base64, leaf, to_base64};
use super::note::{NoteError, NoteKey};
use super::proof::verify_inclusion;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// The most hashes of a proof: one for each level of the largest tree.
const MOST: usize = 64;

/// A proof that a log has an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// The place of the entry.
    pub index: u64,
    /// The hashes from the entry up to the root.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// Writes a proof.
pub fn write(index: u64, hashes: &[Hash], checkpoint: &str) -> String {
    let mut text = format!("{HEADER}index {index}\n");
    for hash in hashes {
        text += &to_base64(hash);
        text.push('\n');
    }
    text.push('\n');
    text + checkpoint
}

impl ProofFile {
    /// Reads a proof. Additional data that its maker added is ignored, since nothing signs it.
    ///
    /// # Errors
    ///
    /// If it is no proof.
    pub fn read(text: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed("it is no proof of a log");
        let parts = text.strip_prefix(HEADER).and_then(|rest| rest.split_once("\n\n"));
        let Some((head, checkpoint)) = parts else {
            return Err(malformed);
        };
        let mut lines = head.split('\n').peekable();
        lines.next_if(|line| line.starts_with("extra "));
        let digits = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = digits.and_then(|digits| digits.parse().ok().filter(|index: &u64| index.to_string() == digits));
        let hashes: Option<Vec<Hash>> = lines.map(from_base64).collect();
        match (index, hashes) {
            (Some(index), Some(hashes)) if hashes.len() <= MOST => Ok(Self {
                index,
                hashes,
                checkpoint: checkpoint.to_owned(),
            }),
            _ => Err(malformed),
        }
    }

    /// Checks that the log `origin` has signed a checkpoint over this entry. Returns the checkpoint.
    ///
    /// # Errors
    ///
    /// If the checkpoint is refused, or the proof is of another entry or place.
    pub fn verify(&self, entry: &[u8], origin: &str, keys: &[NoteKey]) -> Result<Checkpoint, NoteError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, origin, keys)?;
        if verify_inclusion(
            &leaf(entry),
            self.index,
            checkpoint.size,
            &self.hashes,
            &checkpoint.root,
        ) {
            Ok(checkpoint)
        } else {
            Err(NoteError::NotInLog)
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;

    use super::*;
    use crate::damage::damage;
    use crate::tlog::append::append;
    use crate::tlog::note;
    use crate::tlog::proof::inclusion;
    use crate::tlog::tile::Tiles;

    const ORIGIN: &str = "lethe.example/log";

    /// Returns the proof of an entry in a log of five, and the key of the log.
    fn proof(index: u64) -> (String, NoteKey) {
        let leaves: Vec<Hash> = (0..5).map(|index| leaf(format!("entry {index}").as_bytes())).collect();
        let appended = append(0, &Tiles::default(), &leaves).unwrap();
        let mut tiles = Tiles::default();
        tiles.insert(0, 0, leaves);
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            size: appended.size,
            root: appended.root,
        };
        let private = SigningKey::from_bytes(&[1; 32]);
        let key = NoteKey::new(ORIGIN, private.verifying_key().as_bytes()).unwrap();
        let note = note::sign(&checkpoint.text(), &[(&key, &|text| private.sign(text).to_bytes())]);
        (write(index, &inclusion(index, 5, &tiles).unwrap(), &note), key)
    }

    #[test]
    fn a_proof_is_as_the_specification_has_it() {
        let (text, _) = proof(4);
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines[..2], ["c2sp.org/tlog-proof@v1", "index 4"]);
        // The last of five entries has one sibling: the root over the four others.
        assert_eq!((lines[2].len(), lines[3], lines[4], lines[5]), (44, "", ORIGIN, "5"));
        let read = ProofFile::read(&text).unwrap();
        assert_eq!(write(read.index, &read.hashes, &read.checkpoint), text);
        let extra = text.replacen("index", "extra b3BhcXVl\nindex", 1);
        assert_eq!(ProofFile::read(&extra), Ok(read));
    }

    #[test]
    fn a_proof_is_of_one_entry_and_one_place() {
        for index in 0..5 {
            let (text, key) = proof(index);
            let keys = [key];
            let file = ProofFile::read(&text).unwrap();
            let entry = format!("entry {index}");
            assert_eq!(
                file.verify(entry.as_bytes(), ORIGIN, &keys)
                    .map(|checkpoint| checkpoint.size),
                Ok(5)
            );
            assert_eq!(file.verify(b"entry 9", ORIGIN, &keys), Err(NoteError::NotInLog));
            assert_eq!(file.verify(entry.as_bytes(), ORIGIN, &[]), Err(NoteError::Unsigned));
            let moved = ProofFile {
                index: index + 1,
                ..file
            };
            assert_eq!(moved.verify(entry.as_bytes(), ORIGIN, &keys), Err(NoteError::NotInLog));
        }
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        let (text, _) = proof(4);
        for text in [
            String::new(),
            text.replace("@v1", "@v2"),
            text.replace("index 4", "index 04"),
            text.replace("index 4", "index"),
            text.replace("index 4\n", ""),
            text.replace("\n\n", "\n"),
            text.replace(
                "index 4\n",
                &format!("index 4\n{}", format!("{}\n", to_base64(&[0; 32])).repeat(64)),
            ),
        ] {
            assert!(matches!(ProofFile::read(&text), Err(NoteError::Malformed(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_proof_never_shows_another_entry(change in damage()) {
            let (text, key) = proof(2);
            if let Ok(file) = ProofFile::read(&change.of(&text)) {
                prop_assert!(file.verify(b"entry 9", ORIGIN, &[key]).is_err());
            }
        }
    }
}
