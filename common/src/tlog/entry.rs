//! The entries of the log: short lines with a hash, and nothing about a person.

use uuid::Uuid;

use super::hash::{Hash, from_base64, to_base64};

/// What begins the entry of a receipt.
const RECEIPT: &str = "lethe/receipt/v1";

/// What begins the entry of an audit event.
const AUDIT: &str = "lethe/audit/v1";

/// An entry.
// Of an event, no id: it would show which events belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A receipt.
    Receipt {
        /// Its id.
        id: Uuid,
        /// The hash of what its keys sign. A signature that is added later needs no new entry.
        hash: Hash,
    },
    /// An event of the audit trail.
    Audit {
        /// The hash of its JSON.
        hash: Hash,
    },
}

impl Entry {
    /// Writes the entry, without a line end.
    pub fn text(&self) -> String {
        match self {
            Self::Receipt { id, hash } => format!("{RECEIPT} {id} {}", to_base64(hash)),
            Self::Audit { hash } => format!("{AUDIT} {}", to_base64(hash)),
        }
    }

    /// Reads an entry. Each has one spelling. A later version may add other kinds.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let entry = match words.next()? {
            RECEIPT => Self::Receipt {
                id: words.next()?.parse().ok()?,
                hash: from_base64(words.next()?)?,
            },
            AUDIT => Self::Audit {
                hash: from_base64(words.next()?)?,
            },
            _ => return None,
        };
        (entry.text() == text).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_spelling() {
        let id = Uuid::from_u128(0x0198_c7c2_7d0a_7c3e_8f00_6c2a_4a1b_9e01);
        let hash = [7; 32];
        let receipt =
            "lethe/receipt/v1 0198c7c2-7d0a-7c3e-8f00-6c2a4a1b9e01 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
        let audit = "lethe/audit/v1 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
        assert_eq!(Entry::Receipt { id, hash }.text(), receipt);
        assert_eq!(Entry::Audit { hash }.text(), audit);
        for (text, entry) in [(receipt, Entry::Receipt { id, hash }), (audit, Entry::Audit { hash })] {
            assert_eq!(Entry::parse(text), Some(entry));
            for other in [
                format!("{text}\n"),
                format!("{text} "),
                text.to_uppercase(),
                text.replace("v1", "v2"),
            ] {
                assert_eq!(Entry::parse(&other), None, "{other}");
            }
        }
        assert_eq!(Entry::parse(&receipt.replace('-', "")), None);
    }
}
