//! The reasons why a task stops before it records its leases.

use lethe_common::ledger::Fence;

use crate::store::StoreError;

/// The reason why a task stops before it records its leases.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A lease was lost, or expired while the ledger was unreachable: touch nothing more.
    Lost,
    /// The partition has ended, or its record found the lease lost. This is recorded and counted.
    Over,
    /// The ledger refuses a step of these leases, and would refuse a retry.
    Refused(Vec<Fence>),
    /// The ledger rejects a step until an operator changes something.
    Rejected,
    /// A store call failed. This concerns all leases that the task still holds.
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
