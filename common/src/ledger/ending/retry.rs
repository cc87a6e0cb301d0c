//! Another attempt at a job that failed or was cancelled, asked for by a person.
//!
//! A job's story is all of its attempts: what one of them settled stays counted, and the next one begins with what is
//! left. A memory is settled once it was erased or found absent in every store; one that failed in one of them is asked
//! for again in all. `settled` corrects the counts, `renew` makes the partitions due.

mod attempt;
mod renew;
mod settled;

pub use attempt::RetryOutcome;
