//! Why a job, a partition or a memory failed, in one word.

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumIter, EnumString, IntoStaticStr};

/// Why a job, a partition or a memory failed. The ledger, answers and metric labels have its word.
///
/// The set is closed. What a store says about itself (a SQLSTATE, a status of gRPC) becomes one of these where the error is
/// met; the log has the rest. Each line says what happened, then what to do.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    AsRefStr,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ErrorCode {
    /// A store cannot be reached, or is not ready. It is tried again; bring it up.
    Unavailable,
    /// A database only reads: it is a standby, or set to read only. It is tried again; name the primary.
    ReadOnly,
    /// A store did not answer in time. It is tried again; look at its load and `worker.store_timeout`.
    Timeout,
    /// A store had no room for a call: a lock, a deadlock, a rate limit. It is tried again; nothing to do.
    Busy,
    /// A store does not know the credentials. It is tried again; correct them.
    Unauthorized,
    /// A store does not permit a call to these credentials. It is tried again; grant the right.
    Forbidden,
    /// A table, a column or a collection is missing. It is tried again; restore it, or correct the mapping.
    Missing,
    /// The mapping does not fit the live schema. It is tried again; `/v1/targets` says what to write instead.
    Mapping,
    /// A store failed by itself. It is tried again; look at its log.
    Internal,
    /// A constraint keeps rows that a job deletes. Map the dependent table that references them, then retry the job.
    Constraint,
    /// A store refused a call, and would again. Look at its log, correct what refuses, then retry the job.
    Rejected,
    /// A store said that it deleted, and still has it: mostly a trigger. Correct that, then retry the job.
    Kept,
    /// The answer of a store cannot be read. Look for another version of the store, or for something in between.
    Unreadable,
    /// A field that the job demands is not mapped. Map it, or leave it out.
    Unmapped,
    /// The collection is in strict mode and a field of the query has no index. Make one, then retry the job.
    Unindexed,
    /// The query compares a column with a value of another type. Nothing was touched; correct the query.
    Mistyped,
    /// A table is read in pieces, and what was there at the start cannot be told. Correct the times of its rows, or write
    /// `as`.
    NoSnapshot,
    /// A lease did not last as long as a call may take. It is tried again; see whether the ledger is slow.
    LeaseLost,
    /// By the types of the columns the filter means every memory. Say `{"all": true}` if it is meant to.
    Misuse,
    /// The work on it panicked, a few times. Report it with the log.
    Panic,
    /// Workers died of it too often. Look for what ends them, then retry the job.
    Poison,
    /// The ledger holds something about it that cannot be read. Update the workers, or restore the ledger.
    Corrupt,
    /// The ledger's database refuses to store what became of memories. Correct the database, then retry the job.
    LedgerRefused,
    /// A memory changed in between, and the job was to stop at that. Look at its items, then retry the job.
    Conflict,
    /// A point disagrees with the row of its memory: both stay. Correct one of them, then retry the job.
    PointConflict,
    /// A row changed after its vector had gone. Make the vector anew.
    Split,
    /// Memories are still there after all rounds. Find who writes them again, then retry the job.
    Residue,
    /// The owner of points without a row cannot be established: they stay. Map the field, or delete them by hand.
    Unverifiable,
    /// A store cannot do what was asked. Declare it absent in the mapping, or ask for something else.
    Unsupported,
    /// The plan selected more than `limit`. Nothing was touched; raise the limit, or narrow the selection.
    LimitExceeded,
    /// The selection is not the one that `expect` stands for. Nothing was touched; look at it with a dry run.
    SelectionChanged,
    /// The time of the job passed and no worker had its mapping. Start one, then retry the job.
    Unserved,
    /// The time of the job passed before a worker tried it. Start more workers, then retry the job.
    Expired,
}

impl ErrorCode {
    /// Returns the word used in the ledger, in answers and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An error code as the ledger holds it.
// During an upgrade two versions share a ledger: the older one shows the word of the newer one, and does not refuse the row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StoredCode {
    /// A code that this version knows.
    Known(ErrorCode),
    /// The word of another version.
    Unknown(String),
}

impl StoredCode {
    /// Returns the code, if this version knows it.
    pub fn known(&self) -> Option<ErrorCode> {
        match self {
            Self::Known(code) => Some(*code),
            Self::Unknown(_) => None,
        }
    }
}

impl Deref for StoredCode {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Known(code) => code.as_str(),
            Self::Unknown(word) => word,
        }
    }
}

impl From<String> for StoredCode {
    fn from(word: String) -> Self {
        word.parse().map_or(Self::Unknown(word), Self::Known)
    }
}

impl From<StoredCode> for String {
    fn from(code: StoredCode) -> Self {
        match code {
            StoredCode::Known(code) => code.as_str().to_owned(),
            StoredCode::Unknown(word) => word,
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn a_code_is_one_word_wherever_it_is_written() {
        for code in ErrorCode::iter() {
            assert_eq!(serde_json::json!(code), code.as_str());
            assert_eq!(code.to_string(), code.as_str());
            assert_eq!(code.as_str().parse(), Ok(code));
        }
    }

    #[test]
    fn the_word_of_another_version_is_kept() {
        for (word, known) in [
            ("point_conflict", Some(ErrorCode::PointConflict)),
            ("of_tomorrow", None),
        ] {
            let code = StoredCode::from(word.to_owned());
            assert_eq!((&*code, code.known()), (word, known));
            let json = serde_json::json!(code);
            assert_eq!(json, word);
            assert_eq!(serde_json::from_value::<StoredCode>(json).unwrap(), code);
            assert_eq!(String::from(code), word);
        }
    }
}
