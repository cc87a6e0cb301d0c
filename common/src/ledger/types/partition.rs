//! Partitions: the parts of a job that workers claim one by one.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

use crate::job::StoreKind;
use crate::route::Route;

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Look at what is selected, before anything is touched; then it is one that erases.
    Check,
    /// Cut what the job selects into partitions.
    Plan,
    /// Erase.
    Erase,
    /// Ask every store again.
    ReadBack,
    /// Count, touching nothing.
    Preview,
}

impl Kind {
    /// Returns the word used in the ledger and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a partition is about.
// Ids are personal data: no `Debug` with the values. Lists are shared: a lease is cloned with each record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// These memories.
    Ids(#[serde(with = "shared")] Arc<[String]>),
    /// The rows of the job's subject or query whose key lies in a range.
    Range {
        /// Keys up to and including this one belong to others; absent: from the first.
        after: Option<String>,
        /// Keys beyond this one belong to others; absent: to the last.
        through: Option<String>,
    },
    /// The points of the job's subject, found by their payload.
    Points,
    /// All of the job's subject.
    Subject,
    /// All that the job's query matches: rows, or points where a table has only these.
    Query,
    /// These points, which the plan of the job's query found, by their own ids.
    Listed(#[serde(with = "shared")] Arc<[String]>),
}

/// Lists that many hold, as plain lists.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(list: &[String], to: S) -> Result<S::Ok, S::Error> {
        list.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[String]>, D::Error> {
        Vec::deserialize(from).map(Arc::from)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ids(_) => "Ids(..)",
            Self::Range { .. } => "Range(..)",
            Self::Points => "Points",
            Self::Subject => "Subject",
            Self::Query => "Query",
            Self::Listed(_) => "Listed(..)",
        })
    }
}

/// A partition to be written.
#[derive(Debug, Clone)]
pub struct NewPartition {
    /// What it is for.
    pub kind: Kind,
    /// Who may claim it.
    pub route: Route,
    /// Where its memories are accounted for: each gets one outcome in each of these.
    pub stores: Vec<StoreKind>,
    /// What it is about.
    pub work: Work,
    /// Of a subject: under which of the owner's names ([`Subject::fields_as`](crate::job::Subject::fields_as)).
    pub alias: u32,
    /// How many memories that is, as far as is known.
    pub remaining: u64,
}
