//! Running a worker: it claims partitions as slots get free, makes tasks of them, and keeps house meanwhile.
//!
//! Nothing here asks a store about a memory. What a task does is in `job`.

pub mod backend;
mod claim_loop;
mod claimable;
mod claimer;
mod grouping;
mod housekeeping;
mod rounds;
mod run;
mod task;

pub use run::{run, run_due_jobs};
