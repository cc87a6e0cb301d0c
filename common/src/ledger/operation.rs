//! The state that operators and processes store beside jobs: pauses, paces, workers, mappings, keys, secrets.

mod extend;
mod first_key;
mod keys;
mod pauses;
mod replaced;
mod secrets;
mod seen;
mod siblings;
mod state;
mod throttle;
mod troubles;
mod workers;

pub use extend::ExtendOutcome;
pub use keys::{Ends, FoundKey, KeyRecord, KeyRow, Rotated};
pub use pauses::Pauses;
pub use seen::SeenWorkers;
pub use siblings::{RetireOutcome, Siblings};
pub use throttle::{SLOWEST, ThrottleOutcome};
pub use workers::{WorkerReport, WorkerRow};

pub(super) use siblings::{IN_USE, REVISION};
pub(super) use state::state_of;
pub(super) use troubles::{Trouble, Troubles};
