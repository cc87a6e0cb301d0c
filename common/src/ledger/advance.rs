//! Moving a job to its next phase when the last partition of its phase has ended.
//!
//! One function, `step`, decides. The statements move many jobs at once, since small jobs come in groups.
//! The transaction that ends the last partition also moves the job on. So a crash leaves no job stuck
//! between two phases.

mod change;
pub(super) mod close;
mod end;
mod found;
mod held;
mod look_back;
mod moving;
mod phase;
mod step;
mod update;

pub(super) use change::JobChange;
pub(super) use moving::advance;
pub(super) use step::{Aborts, JobRow};
pub(super) use update::{change_text, gone, update_jobs};
