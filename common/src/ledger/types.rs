//! The values that workers, callers and the ledger exchange. This module runs no statement.

mod claim;
mod hold;
mod job;
mod job_end;
mod lease;
mod legal;
mod marks;
mod memory_key;
mod partition;
mod preview;
mod run;
mod wait;
pub(super) mod warning;

pub use claim::{Ahead, AloneFirst, Claim, Claimed, Lapsed, SmallFirst};
pub use hold::{HoldCount, HoldRecord, HoldRow, InFlight, PutHold};
pub use job::{ExecutionOptions, JobFacts, Snapshot};
pub use job_end::JobEnd;
pub use lease::{Fence, Lease};
pub use legal::{Deadline, Extended, Legal, Standing};
pub use marks::{MarkFilter, Marks};
pub use partition::{Kind, NewPartition, Work};
pub use preview::{Preview, TablePreview};
pub use run::Run;
pub use wait::{Wait, WaitReason};
pub use warning::{Warning, WarningCode};

pub(super) use job::SnapshotKind;
pub(super) use memory_key::{beside_key, key, listed};
