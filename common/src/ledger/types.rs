//! The values that workers, callers and the ledger exchange. This module runs no statement.

mod claim;
mod job;
mod lease;
mod memory_key;
mod partition;
mod preview;
mod run;
pub(super) mod warning;

pub use claim::{Ahead, AloneFirst, Claim, Lapsed, SmallFirst};
pub use job::{ExecutionOptions, JobFacts, Snapshot};
pub use lease::{Fence, Lease};
pub use partition::{Kind, NewPartition, Work};
pub use preview::{Preview, TablePreview};
pub use run::Run;
pub use warning::{Warning, WarningCode};

pub(super) use job::SnapshotKind;
pub(super) use memory_key::{beside_key, key, listed};
