//! How a lease is given back.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::{Fence, Release};

/// How leases are given back; by default at once, and at nobody's expense.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Back {
    /// When to try again, from now.
    pub(crate) delay: Duration,
    /// The error, if that is why.
    pub(crate) error: Option<ErrorCode>,
    /// Whether that was an attempt of each partition.
    pub(crate) charged: bool,
    /// Whether each must run by itself from now on.
    pub(crate) alone: bool,
}

impl Back {
    /// Returns what the ledger is asked for.
    pub(crate) fn of(self, fence: Fence) -> Release {
        Release {
            fence,
            delay_ms: u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX),
            error: self.error,
            charged: self.charged,
            alone: self.alone,
        }
    }
}
