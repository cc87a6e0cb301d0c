//! Checkpoints: the size and the root of a log, as it signs them (C2SP `tlog-checkpoint`).

use super::hash::{Hash, from_base64, to_base64};
use super::note::{self, NoteError, NoteKey};

/// The greatest size of a log. The numbers of a proof over it stay below 2^63.
pub const LARGEST: u64 = 1 << 62;

/// The head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The number of its entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Writes the text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, to_base64(&self.root))
    }

    /// Reads the text of a checkpoint, without its signatures. Further lines are ignored, as the specification says.
    ///
    /// # Errors
    ///
    /// If it is no checkpoint, or larger than [`LARGEST`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed("it is no checkpoint");
        let mut lines = text.strip_suffix('\n').unwrap_or_default().split('\n');
        let (Some(origin), Some(digits), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(malformed);
        };
        let size = digits.parse::<u64>().ok().filter(|size| size.to_string() == digits);
        let (Some(size), Some(root)) = (size, from_base64(root)) else {
            return Err(malformed);
        };
        if size > LARGEST {
            return Err(NoteError::Malformed("its size is larger than any log"));
        }
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(malformed);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    /// Checks the signatures of a checkpoint of the log `origin`, and reads it.
    ///
    /// # Errors
    ///
    /// If it is malformed, not signed by one of the keys, or of another log.
    pub fn open(note: &str, origin: &str, keys: &[NoteKey]) -> Result<Self, NoteError> {
        let checkpoint = Self::parse(note::open(note, keys)?)?;
        if checkpoint.origin == origin {
            Ok(checkpoint)
        } else {
            Err(NoteError::OtherLog(checkpoint.origin))
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    const TEXT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_text_is_as_the_specification_has_it() {
        let checkpoint = Checkpoint::parse(TEXT).unwrap();
        assert_eq!(
            (checkpoint.origin.as_str(), checkpoint.size),
            ("example.com/behind-the-sofa", 20_852_163)
        );
        assert_eq!(checkpoint.text(), TEXT);
        let largest = TEXT.replace("20852163", &LARGEST.to_string());
        assert_eq!(Checkpoint::parse(&largest).unwrap().size, LARGEST);
        // A later version may add lines.
        assert_eq!(Checkpoint::parse(&format!("{TEXT}an extension\n")), Ok(checkpoint));
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let changed = |from: &str, to: &str| TEXT.replace(from, to);
        for text in [
            String::new(),
            TEXT.trim_end().to_owned(),
            changed("example.com/behind-the-sofa", ""),
            changed("20852163", "020852163"),
            changed("20852163", "+20852163"),
            changed("20852163", "-1"),
            changed("20852163", "18446744073709551616"),
            changed("20852163", "18446744073709551615"),
            changed("20852163", "9223372036854775809"),
            changed("20852163", "4611686018427387905"),
            changed("2I=", ""),
            changed("CsUYapGG", ""),
            format!("{TEXT}\n"),
            format!("{TEXT}\nan extension\n"),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_log_is_refused() {
        let private = SigningKey::from_bytes(&[1; 32]);
        let key = NoteKey::new("example.com/behind-the-sofa", private.verifying_key().as_bytes()).unwrap();
        let note = note::sign(TEXT, &[(&key, &|text| private.sign(text).to_bytes())]);
        let keys = [key];
        assert_eq!(
            Checkpoint::open(&note, "example.com/behind-the-sofa", &keys),
            Checkpoint::parse(TEXT)
        );
        let other = Checkpoint::open(&note, "example.com/log", &keys);
        assert_eq!(
            other,
            Err(NoteError::OtherLog("example.com/behind-the-sofa".to_owned()))
        );
    }
}
