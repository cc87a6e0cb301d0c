//! Recording what a batch did.
//!
//! One transaction writes the counts, moves the partition on, and, when it was the last of its
//! phase, moves the job on. Records that wait at the same time share it: those of one job would
//! wait for its row one after another, each for the other's commit.

mod batch;
mod credit;
mod jobs;
mod prepared;
mod statements;
mod write;

pub use batch::{After, Delta, ItemOutcome, Record, RecordEnd};
