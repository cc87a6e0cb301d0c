//! Retrying: another attempt at a job that failed or was cancelled, on a person's request.
//!
//! The counts of a job cover all of its attempts. Settled memories stay counted, and the next attempt begins with the
//! others. A memory is settled once it was erased or found absent in every store. If it failed in one store, it is
//! retried in all stores. `settled` corrects the counts, `renew` makes the partitions due, `restart` stores the attempts.
//! A held job that goes on (`ending/held`) shares these parts.

mod attempt;
mod renew;
mod restart;
mod settled;

pub use attempt::RetryOutcome;

pub(super) use renew::{COLUMNS, NEXT, nothing};
pub(super) use restart::finish;
pub(super) use settled::{Open, forget_held, keep};
