//! Recording the results of a batch.
//!
//! One transaction, or one statement ([`ends`]), writes the counts and updates the partition. If the partition was the last
//! of its phase, the transaction also moves the job on. Records that wait at the same time share one transaction.
//! Apart, the records of one job would wait for each other's commit, since each locks the job's row.

mod batch;
mod credit;
mod ends;
mod jobs;
mod prepared;
mod statements;
mod write;

pub use batch::{After, Delta, ItemOutcome, Record, RecordEnd};
