//! The state of a partition.

use strum::{EnumIter, EnumString, IntoStaticStr};

/// The state of a partition. The ledger stores it as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum PartitionState {
    /// It waits until its job's upload, plan or round of reading back is complete.
    Blocked,
    /// A worker may claim it from `due_at` on.
    Due,
    /// A worker holds it. Its lease expires at `due_at`, and then another worker may claim it.
    Running,
    /// Everything in it is accounted for.
    Done,
    /// It failed. Its remaining memories count as failed.
    Failed,
    /// Its job was cancelled. Its remaining memories count as left.
    Cancelled,
    /// The plan of an earlier attempt cut it. The ledger keeps it for its counts.
    Past,
}

impl PartitionState {
    /// Returns the word used in the ledger.
    pub(super) fn as_str(self) -> &'static str {
        self.into()
    }
}
