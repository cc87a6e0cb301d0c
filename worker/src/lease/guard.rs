//! One lease, in the hands of a task.

use std::ops::Deref;

use lethe_common::ledger::{Fence, Lease};

/// The right to a partition, for as long as its task works under it.
// Only `Leases` makes one: each is in the book.
#[derive(Debug)]
pub(crate) struct LeaseGuard(Lease);

impl LeaseGuard {
    pub(super) fn new(lease: Lease) -> Self {
        Self(lease)
    }

    /// Takes over what was there when its job began; it is written with what is planned next.
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
