//! Legal holds: memories that no job may erase.
//!
//! Callers place, read and release them. Workers read those in force before each batch. A record counts the memories that a
//! hold keeps, and the transaction that makes a job held notes it in its holds. So each release or change finds the jobs
//! that wait for it.

mod expire;
mod forget;
mod in_flight;
mod of_jobs;
mod read;
mod revision;
mod shown;
mod stored;
mod waits;

pub(super) use of_jobs::{add, forget, note};
pub(super) use waits::{WAITS, wait};
