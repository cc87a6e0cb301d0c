//! Accepting jobs: at once, by an upload, or as a repeat that joins an unfinished job.

mod configured;
mod fingerprints;
mod jobs;
mod jobs_table;
mod join;
mod keys;
mod labels;
mod new_job;
mod partitions;
mod repeats;
mod spelling;
mod upload;

pub use jobs::HeldRequest;
pub use new_job::{Accepted, Idempotency, NewJob, Scope};
pub use spelling::Spelling;
pub use upload::Upload;

pub(super) use jobs::insert;
pub(super) use labels::delete_labels;
pub(super) use partitions::{HEAVIEST, LIGHTEST, insert_partitions, rows_of};
