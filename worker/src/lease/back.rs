//! The options of a lease's release.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::{Fence, Release};

/// The options of a release. By default the partition is due at once, and no attempt is counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Back {
    /// The delay until the partition is due again.
    pub(crate) delay: Duration,
    /// The error that caused the release, if any.
    pub(crate) error: Option<ErrorCode>,
    /// Whether the release counts as an attempt of each partition.
    pub(crate) charged: bool,
    /// Whether each partition must run by itself from now on.
    pub(crate) alone: bool,
}

impl Back {
    /// Returns the release of one lease, as the ledger takes it.
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
