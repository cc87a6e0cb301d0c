//! Partitions: the parts of a job that workers claim one by one.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

use crate::job::StoreKind;
use crate::route::Route;

/// The purpose of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Check the selection before anything is touched. Afterwards the partition erases.
    Check,
    /// Cut the job's selection into partitions.
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

/// The memories that a partition is about.
// Ids are personal data: no `Debug` with the values. Lists are shared: a lease is cloned with each record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// These memories.
    Ids(#[serde(with = "shared")] Arc<[String]>),
    /// The rows of the job's subject or query whose key lies in a range.
    Range {
        /// The range begins after this key; absent: at the first key.
        after: Option<String>,
        /// The range ends with this key; absent: with the last key.
        through: Option<String>,
    },
    /// The points of the job's subject, found by their payload.
    Points,
    /// All memories of the job's subject.
    Subject,
    /// All matches of the job's query: rows, or points if the table has only points.
    Query,
    /// Points that the plan of the job's query found, by their own ids.
    Listed(#[serde(with = "shared")] Arc<[String]>),
}

/// Stores shared lists as plain lists.
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
    /// The purpose.
    pub kind: Kind,
    /// The mapping that a worker needs to claim it.
    pub route: Route,
    /// The stores in which its memories are accounted for. Each memory gets one outcome in each store.
    pub stores: Vec<StoreKind>,
    /// The memories that it is about.
    pub work: Work,
    /// For a subject: the number of the owner's name ([`Subject::fields_as`](crate::job::Subject::fields_as)).
    pub alias: u32,
    /// The number of those memories, as far as it is known.
    pub remaining: u64,
}
