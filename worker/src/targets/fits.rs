//! Limits the memories in a batch of a mapping whose memories have many points.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::vector::MAX_POINTS_FOUND;

/// The number of points that a batch aims at: below the limit, since some memories have more than others.
const ROOM: usize = MAX_POINTS_FOUND / 5 * 4;

/// The number of memories whose points fit into one look. It is learnt, never configured.
#[derive(Debug)]
pub(crate) struct Fits(AtomicUsize);

impl Default for Fits {
    fn default() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }
}

impl Fits {
    /// Returns how many of `n` memories to ask about.
    pub(crate) fn at_most(&self, n: usize) -> usize {
        n.min(self.0.load(Ordering::Relaxed)).max(1)
    }

    /// Notes that `n` memories with `points` points fitted. The next batch may be larger, if there is room.
    pub(crate) fn fitted(&self, n: usize, points: usize) {
        if self.0.load(Ordering::Relaxed) != usize::MAX {
            let larger = n.saturating_mul(ROOM) / points.max(1);
            // Growth is limited: the result of a look that is too large is wasted.
            self.0.store(larger.clamp(1, n.saturating_mul(2)), Ordering::Relaxed);
        }
    }

    /// Notes that `n` memories have too many points: `points`. Returns how many memories to ask about instead.
    pub(crate) fn crowded(&self, n: usize, points: u64) -> usize {
        let points = usize::try_from(points).unwrap_or(usize::MAX).max(1);
        let fewer = (n.saturating_mul(ROOM) / points).min(n / 2).max(1);
        self.0.store(fewer, Ordering::Relaxed);
        fewer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_memories_are_asked_about_until_they_fit_and_then_more_again() {
        let fits = Fits::default();
        assert_eq!(fits.at_most(1_000), 1_000);
        assert_eq!(fits.crowded(1_000, 70_000), 114);
        assert_eq!(fits.at_most(1_000), 114);
        fits.fitted(114, 7_980);
        assert_eq!(fits.at_most(1_000), 114);
        fits.fitted(114, 114);
        assert_eq!(fits.at_most(1_000), 228);
        // Points were added since: half of the memories at most.
        assert_eq!(fits.crowded(228, 10_001), 114);
        assert_eq!(fits.crowded(2, 1_000_000), 1);
        fits.fitted(1, 9_999);
        assert_eq!(fits.at_most(0), 1);
        // No look was too large yet, so there is no limit.
        let fits = Fits::default();
        fits.fitted(1_000, 1_000);
        assert_eq!(fits.at_most(10_000), 10_000);
    }
}
