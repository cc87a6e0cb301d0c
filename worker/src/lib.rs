//! The workers: they claim partitions from the ledger, erase what these are about in the SQL
//! database and the vector store, and read back that it is gone.
//!
//! ```text
//! claim_loop ──leases──► backend (apalis) ──one task a group──► task ──► work ──► plan | erase | read_back | preview
//! ```
//!
//! Nothing here is durable: whatever a worker knows and the ledger does not is lost without harm
//! when it dies. Its leases run out, and another worker goes on from the intent and the progress
//! that were committed.
//!
//! The rooms use each other in one direction, which `tests/rooms.py` checks: `store` knows of no target,
//! `targets` of no lease, `lease` of no work and `job` of no slot; `runtime` uses them all.

mod backoff;
#[cfg(test)]
mod fixture;
mod health;
mod job;
mod lease;
mod runtime;
mod span;
pub mod store;
mod targets;

pub use health::Health;
pub use lease::{Environment, error_codes};
pub use runtime::{backend, run, run_due_jobs};
pub use targets::{Checked, Inferred, Verdict, check, infer};
