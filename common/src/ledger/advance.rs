//! Moving a job on when the last partition of its phase has ended.
//!
//! Decided by one function, `step`; done for many jobs at once, since small jobs come in groups.
//! It happens in the transaction that ended the partition: there is no job whose partitions have
//! all ended and which nobody will move.

mod change;
pub(super) mod close;
mod end;
mod found;
mod look_back;
mod moving;
mod phase;
mod step;
mod update;

pub(super) use change::JobChange;
pub(super) use moving::advance;
pub(super) use step::{Aborts, JobRow};
pub(super) use update::update_jobs;
