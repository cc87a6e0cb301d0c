//! Comparing the ids of a table: by their text, or by the UUID that the text spells.

use std::borrow::Cow;
use std::collections::HashSet;

use uuid::Uuid;

use crate::ledger::types::{NewPartition, Work};

/// The way to compare the ids of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As texts.
    Text,
    /// As UUIDs: with or without hyphens, in braces or as a URN, in either case.
    Uuid,
}

/// The digits of a UUID, in lower case.
const DIGITS: &str = "0123456789abcdef";

/// A UUID with hyphens, as a pattern of SQL.
const HYPHENATED: &str = "________-____-____-____-____________";

impl Spelling {
    /// Returns the canonical text of an id, the same for all spellings. A text that spells no UUID is its own.
    pub fn canonical(self, id: &str) -> Cow<'_, str> {
        match self {
            Self::Text => Cow::Borrowed(id),
            Self::Uuid => Uuid::try_parse(id).map_or(Cow::Borrowed(id), |uuid| Cow::Owned(uuid.simple().to_string())),
        }
    }

    /// Returns the SQL expression for the canonical text of `e.value`.
    pub(in crate::ledger) fn key(self) -> String {
        match self {
            Self::Text => "e.value".to_owned(),
            Self::Uuid => {
                let value = "LOWER(e.value)";
                let bare = ["urn:uuid:", "{", "}", "-"]
                    .iter()
                    .fold(value.to_owned(), |value, part| {
                        format!("REPLACE({value}, '{part}', '')")
                    });
                format!(
                    "CASE WHEN (LENGTH(e.value) = 32 OR {value} LIKE '{HYPHENATED}' OR {value} LIKE '{{{HYPHENATED}}}'
                            OR {value} LIKE 'urn:uuid:{HYPHENATED}')
                        AND LENGTH({bare}) = 32 AND LTRIM({bare}, '{DIGITS}') = ''
                    THEN {bare} ELSE e.value END"
                )
            }
        }
    }

    /// Removes ids that an earlier id of the lists spells too, and lists that become empty. Returns whether
    /// it removed any.
    pub fn fold(self, partitions: &mut Vec<NewPartition>) -> bool {
        let first = self.first(partitions);
        if first.iter().all(|is_first| *is_first) {
            return false;
        }
        let mut first = first.into_iter();
        for partition in partitions.iter_mut() {
            if let Work::Ids(ids) = &mut partition.work {
                let kept = ids.iter().filter(|_| first.next().unwrap_or(true));
                *ids = kept.cloned().collect();
                partition.remaining = u64::try_from(ids.len()).unwrap_or(u64::MAX);
            }
        }
        partitions.retain(|partition| !matches!(&partition.work, Work::Ids(ids) if ids.is_empty()));
        true
    }

    /// Returns for each listed id whether it is the first with its canonical text.
    fn first(self, partitions: &[NewPartition]) -> Vec<bool> {
        let mut seen = HashSet::new();
        let lists = partitions.iter().filter_map(|partition| match &partition.work {
            Work::Ids(ids) => Some(ids),
            _ => None,
        });
        lists
            .flat_map(|ids| ids.iter())
            .map(|id| seen.insert(self.canonical(id)))
            .collect()
    }

    /// Returns whether lists name an id twice.
    pub fn repeats(self, partitions: &[NewPartition]) -> bool {
        self.first(partitions).contains(&false)
    }
}
