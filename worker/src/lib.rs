//! The workers claim partitions from the ledger, erase their memories in the SQL database and the vector
//! store, and read back that the memories are gone.
//!
//! ```text
//! claim_loop ──leases──► backend (apalis) ──one task a group──► task ──► work ──► plan | erase | read_back | preview
//! ```
//!
//! A worker keeps no durable state, so nothing is lost when it dies. Its leases expire, and another worker
//! goes on from the committed intent and progress.
//!
//! The modules depend on each other in one direction, which `tests/rooms.py` checks: `store` knows no target,
//! `targets` no lease, `holds` neither, `lease` no work and `job` no slot. `runtime` uses them all.

mod backoff;
#[cfg(test)]
mod fixture;
mod health;
mod holds;
mod job;
mod lease;
mod runtime;
mod span;
pub mod store;
mod targets;

pub use health::Health;
pub use lease::{Environment, retry_reasons};
pub use runtime::{backend, run, run_due_jobs};
pub use targets::{Checked, Inferred, Verdict, check, infer};
