//! What workers, callers and the ledger hand each other. Nothing here asks the database.

mod memory_key;
mod work;

pub use work::{Ahead, Claim, Fence, JobFacts, Kind, Lease, Manner, NewPartition, Route, Snapshot, Work};

pub(super) use memory_key::{beside_key, key, listed};
pub(super) use work::SnapshotKind;
