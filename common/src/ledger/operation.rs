//! What operators and processes tell the ledger beside jobs: pauses, paces, workers, mappings, keys, secrets.

mod control;
mod keys;
mod siblings;
mod throttle;

pub use control::{Pauses, WorkerReport, WorkerRow};
pub use keys::{KeyRecord, KeyRow};
pub use siblings::{RetireOutcome, Siblings};
pub use throttle::{SLOWEST, ThrottleOutcome};

pub(super) use siblings::REVISION;
