//! Running a worker: it claims partitions as slots become free, runs them as tasks, and does housekeeping.
//!
//! This module asks no store about a memory. The work of a task is in `job`.

pub mod backend;
mod claim_loop;
mod claimable;
mod claimed;
mod claimer;
mod grouping;
mod housekeeping;
mod rounds;
mod run;
mod task;

pub use run::{run, run_due_jobs};
