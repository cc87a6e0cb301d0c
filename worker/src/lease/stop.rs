//! Why a task stops before its leases are recorded.

use lethe_common::ledger::Fence;

use crate::store::StoreError;

/// Why the work on leases stopped before they were recorded.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A lease was lost, or the ledger could not be reached while it lasted: touch nothing more.
    Lost,
    /// The ledger refuses a step of these leases, and would refuse it again.
    Refused(Vec<Fence>),
    /// The ledger rejects a step until an operator changes something.
    Rejected,
    /// A store did not do what it was asked. That concerns all leases that the task still holds.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost => Self::Lost,
            error => Self::Store(error),
        }
    }
}
