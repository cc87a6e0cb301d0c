//! The fingerprints of a job: keyed hashes of its request and of the persons it names, made when it is accepted.

use serde::{Deserialize, Serialize};

/// The fingerprints of a job, as its row stores them.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::ledger) struct Fingerprints {
    /// The hash of the request.
    pub(in crate::ledger) request: String,
    /// The hashes of the persons, one for each name.
    pub(in crate::ledger) persons: Vec<String>,
}
