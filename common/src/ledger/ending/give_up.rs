//! Giving up: a job that makes no progress for as long as `give_up_after` fails.
//!
//! A job's clock begins at the latest of these: it was accepted, it could first have run, a record of it
//! made progress, its rate limit lets the next batch begin. While a batch that has begun is not recorded, or the job
//! is being cancelled, the next batch is not waited for: then the start of the last one counts. It stands still while everything, or one of
//! its targets, is paused, and while none of its windows is open.
//!
//! `jobs.idle_since` is what the index finds jobs by. It is never later than the beginning of the clock,
//! moved on by the time for which the clock stood still. So neither a record nor the end of a pause writes
//! to the index. A job that is found too early gets the exact time then, and is found once more when its
//! limit has passed.

mod clock;
mod codes;
mod find;
mod look;

pub use look::GivenUp;
