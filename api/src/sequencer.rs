//! The sequencer: signs receipts, enters receipts and audit events in the log, and signs the log's checkpoints.
//!
//! Every api process runs one, and `lethe sequence` runs one alone. A lease in the ledger lets one of them work at a time.
//! Only these processes have the private key.

mod keys;
mod round;
mod run;

pub use keys::{KeyError, check_keys};
pub use round::{Done, SequenceError, Sequencer};
pub use run::{Looks, run};
