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

pub mod backend;
mod backoff;
mod batch;
mod breaker;
mod check;
mod claim_loop;
mod claimable;
mod conditions;
mod cursor;
mod environment;
mod erase;
mod fits;
mod fitting;
#[cfg(test)]
mod fixture;
mod grouping;
mod health;
mod housekeeping;
mod infer;
mod intent;
mod lease_guard;
mod look;
mod mapped;
mod matching;
mod observe;
mod once;
mod pages;
mod piece;
mod pieces;
mod plan;
mod preview;
mod put_back;
mod read_back;
mod repeats;
mod resolve;
mod retry;
mod run;
mod shares;
mod siblings;
mod span;
mod stop;
pub mod store;
mod task;
mod window;
mod work;

use lethe_common::error_code::ErrorCode;

pub use check::{Checked, Verdict, check};
pub use environment::Environment;
pub use health::Health;
pub use infer::{Inferred, infer};
pub use run::{run, run_due_jobs};

/// Returns every code that an error of a partition may be counted under.
pub fn error_codes() -> Vec<ErrorCode> {
    store::StoreError::CODES
        .into_iter()
        .chain([
            ErrorCode::Panic,
            ErrorCode::Poison,
            lease_guard::CORRUPT,
            lease_guard::LEDGER_REFUSED,
        ])
        .collect()
}
