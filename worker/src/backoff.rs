//! Pauses that double, up to a longest one.
//!
//! The one place that doubles a pause: between calls to a ledger that is out of reach, between looks at a store that is
//! down, and between attempts of a partition.

use std::time::Duration;

use lethe_common::config::Retry;

/// Returns the pause after one that was not long enough.
pub(crate) fn longer(pause: Duration, longest: Duration) -> Duration {
    pause.saturating_mul(2).min(longest)
}

/// Returns how long to wait before another try: exponential backoff with full jitter, so that
/// what failed together does not come back together.
pub(crate) fn jittered(retry: &Retry, failures: u32) -> Duration {
    rand::random_range(Duration::ZERO..=after(retry, failures)).max(Duration::from_millis(1))
}

/// Returns the longest wait after so many failures.
fn after(retry: &Retry, failures: u32) -> Duration {
    // 2^20 times any base is beyond any cap.
    retry.base.saturating_mul(1 << failures.min(20)).min(retry.cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_the_longest() {
        let second = Duration::from_secs(1);
        assert_eq!(longer(second, 3 * second), 2 * second);
        assert_eq!(longer(2 * second, 3 * second), 3 * second);
        assert_eq!(longer(Duration::MAX, Duration::MAX), Duration::MAX);
    }

    #[test]
    fn backoff_grows_to_its_cap_and_never_is_nothing() {
        let retry = Retry::default();
        for failures in 0..40 {
            let longest = retry.base.saturating_mul(1 << failures.min(20)).min(retry.cap);
            let delay = jittered(&retry, failures);
            assert!(delay > Duration::ZERO && delay <= longest.max(Duration::from_millis(1)));
        }
    }
}
