//! Queuing held jobs again, once a hold that kept their memories was released, has expired or has changed.
//!
//! Everybody who can make work for it sets `holds.settled` to 0 under the lock of the hold's row: a release, a change, and
//! the transaction that makes a job held by a hold that has changed since. A look locks the same row first. So either the
//! look finds the job, or the job's transaction comes later and asks for another look. No wake-up is lost, and a hold that
//! stays as it is needs no look, however many jobs it keeps.

mod requeue;
mod settle;

pub use settle::{SettleCursor, Settled};
