//! One lease, owned by a task.

use std::ops::Deref;

use lethe_common::ledger::{Fence, Lease};

/// The exclusive right to a partition, owned by the task that works under it.
// Only `Leases` creates guards, so it knows every lease.
#[derive(Debug)]
pub(crate) struct LeaseGuard(Lease);

impl LeaseGuard {
    pub(super) fn new(lease: Lease) -> Self {
        Self(lease)
    }

    /// Adds the snapshot of the job's start. The next record of the plan stores it.
    pub(crate) fn began_with(&mut self, snapshot: String) {
        self.0.snapshot = Some(snapshot);
    }

    pub(super) fn lease_mut(&mut self) -> &mut Lease {
        &mut self.0
    }
}

impl Deref for LeaseGuard {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.0
    }
}

/// Returns the fences of leases, in their order.
pub(crate) fn fences(leases: &[LeaseGuard]) -> Vec<Fence> {
    leases.iter().map(|lease| lease.fence()).collect()
}
