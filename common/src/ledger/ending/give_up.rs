//! Giving up: a job without progress for the time `give_up_after` fails.
//!
//! A job's clock starts at the latest of these times: its acceptance, its earliest start, its last record with
//! progress, the start of its last throttled batch, the next start under its rate limit. The last time does not
//! count while a batch that has begun is not recorded, or while the job is being cancelled. The clock stands
//! still while everything or one of the job's targets is paused, and while all of its windows are closed.
//!
//! The index finds jobs by `jobs.idle_since`. It is never later than the start of the clock plus the time for
//! which the clock stood still. So neither a record nor the end of a pause writes to the index. A job that is
//! found too early gets its exact time then. It is found again when its limit has passed.

mod clock;
mod codes;
mod find;
mod look;

pub use look::GivenUp;
