//! The state of a partition.

use strum::{EnumIter, EnumString, IntoStaticStr};

/// The state of a partition; the ledger keeps its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum PartitionState {
    /// It waits for the rest of its job: an upload, a plan, a round of reading back.
    Blocked,
    /// A worker may claim it from `due_at` on.
    Due,
    /// A worker holds it. After `due_at`, when the lease has ended, another one may claim it.
    Running,
    /// Everything in it is accounted for.
    Done,
    /// It could not be carried out: what remains of it counts as failed.
    Failed,
    /// Its job was cancelled: what remains of it counts as left.
    Cancelled,
    /// An earlier attempt's plan cut it. It is kept for its counts.
    Past,
}

impl PartitionState {
    /// Returns the word used in the ledger.
    pub(super) fn as_str(self) -> &'static str {
        self.into()
    }
}
