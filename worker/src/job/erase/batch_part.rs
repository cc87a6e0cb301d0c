//! A lease with its present batch.

use lethe_common::ledger::{Fence, Lease, Work};

use crate::job::conditions::conditions;
use crate::job::intent::Intent;
use crate::lease::LeaseGuard;
use crate::store::Conditions;

/// A lease with its present batch.
pub(super) struct BatchPart {
    pub(super) lease: LeaseGuard,
    /// The job's conditions on each memory.
    pub(super) conditions: Conditions,
    pub(super) intent: Intent,
    /// Whether this attempt wrote the intent: then the statements' answers decide between erased and absent.
    pub(super) fresh: bool,
}

impl BatchPart {
    /// Returns the part of a lease whose batch another attempt began.
    pub(super) fn found(lease: LeaseGuard, intent: Intent) -> Self {
        Self {
            conditions: conditions(&lease),
            lease,
            intent,
            fresh: false,
        }
    }

    /// Returns the part of a lease whose batch this attempt begins.
    pub(super) fn begun(lease: LeaseGuard, intent: Intent) -> Self {
        Self {
            fresh: true,
            ..Self::found(lease, intent)
        }
    }
}

/// Returns the fences of all parts.
pub(super) fn fences(parts: &[BatchPart]) -> Vec<Fence> {
    parts.iter().map(|part| part.lease.fence()).collect()
}

/// Returns whether a partition is one memory, whose erased version the job reports.
pub(super) fn is_one(lease: &Lease) -> bool {
    matches!(&lease.work, Work::Ids(ids) if ids.len() == 1)
}
