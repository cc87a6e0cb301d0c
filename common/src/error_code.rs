//! The reasons why a job, a partition or a memory failed, one word each.

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumIter, EnumString, IntoStaticStr};

/// The reason why a job, a partition or a memory failed. The ledger, answers and metric labels carry its word.
///
/// The set is closed. A store's own error (a SQLSTATE, a gRPC status) becomes one of these codes where it is met; the
/// log has the rest. Each variant says what happened, then what to do.
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
    /// A store cannot be reached, or is not ready. Lethe retries; start the store.
    Unavailable,
    /// A database is read-only: it is a standby, or set so. Lethe retries; name the primary.
    ReadOnly,
    /// A store did not answer in time. Lethe retries; look at the store's load and `worker.store_timeout`.
    Timeout,
    /// A store was too busy for a call: a lock, a deadlock, a rate limit. Lethe retries; nothing to do.
    Busy,
    /// A store does not know the credentials. Lethe retries; correct them.
    Unauthorized,
    /// A store does not permit a call to these credentials. Lethe retries; grant the right.
    Forbidden,
    /// A table, a column or a collection is missing. Lethe retries; restore it, or correct the mapping.
    Missing,
    /// The mapping does not fit the live schema. Lethe retries; `/v1/targets` shows the correct setting.
    Mapping,
    /// A store failed internally. Lethe retries; read the store's log.
    Internal,
    /// A constraint blocks the deletion of rows. Map the dependent table that references them, then retry the job.
    Constraint,
    /// A store refused a call, and would refuse it again. Read its log, fix the cause, then retry the job.
    Rejected,
    /// A store reported a deletion and still has the memory, mostly because of a trigger. Fix that, then retry the job.
    Kept,
    /// The answer of a store cannot be read. Look for another version of the store, or for a proxy in between.
    Unreadable,
    /// The job demands a field that is not mapped. Map it, or omit it.
    Unmapped,
    /// The collection is in strict mode, and a field of the query has no index. Create one, then retry the job.
    Unindexed,
    /// The query compares a column with a value of another type. Nothing was touched; correct the query.
    Mistyped,
    /// A table is read in pieces, and the rows that were there at the start cannot be told. Lethe retries; correct
    /// the times of the rows, or write `as`.
    NoSnapshot,
    /// A lease did not last as long as a store call may take. Lethe retries; check whether the ledger is slow.
    LeaseLost,
    /// After type conversion the filter matches every row. Write `{"all": true}` if every row is meant.
    Misuse,
    /// The work panicked a few times. Report it with the log.
    Panic,
    /// Workers died of this work too often. Find the cause, then retry the job.
    Poison,
    /// The ledger holds a value that cannot be read. Update the workers, or restore the ledger.
    Corrupt,
    /// The ledger's database refuses to store an outcome. Correct the database, then retry the job.
    LedgerRefused,
    /// A memory changed meanwhile, and the job was to stop at that. Look at its items, then retry the job.
    Conflict,
    /// A point disagrees with the row of its memory: both stay. Correct one of them, then retry the job.
    PointConflict,
    /// A row changed after its vector was deleted. Create the vector again.
    Split,
    /// Memories are still there after all rounds. Find their writer, then retry the job.
    Residue,
    /// The owner of points without a row is unknown, so they stay. Map the field, or delete them by hand.
    Unverifiable,
    /// A store cannot do the requested operation. Declare the store absent in the mapping, or change the request.
    Unsupported,
    /// The plan selected more than `limit`. Nothing was touched; raise the limit, or narrow the selection.
    LimitExceeded,
    /// The selection differs from the one of `expect`. Nothing was touched; look at it with a dry run.
    SelectionChanged,
    /// The job's time limit passed, and no worker had its mapping. Start one, then retry the job.
    Unserved,
    /// The job's time limit passed before a worker tried it. Start more workers, then retry the job.
    Expired,
}

impl ErrorCode {
    /// Returns the word used in the ledger, in answers and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether a store with this error is down, or only an operator can fix it.
    pub fn is_outage(self) -> bool {
        matches!(
            self,
            Self::Unavailable
                | Self::ReadOnly
                | Self::Timeout
                | Self::Busy
                | Self::Internal
                | Self::Unauthorized
                | Self::Forbidden
                | Self::Missing
                | Self::Mapping
        )
    }
}

/// An error code as the ledger holds it.
// During an upgrade two versions share a ledger. The older version shows a newer word, and still reads the row.
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
