//! Exponential backoff: pauses that double, up to a longest one.
//!
//! Only this module doubles pauses: between calls to an unreachable ledger, between probes of a store that is down,
//! and between attempts of a partition.

use std::time::Duration;

use lethe_common::config::Retry;

/// Returns the pause that follows `pause`: twice as long, and at most `longest`.
pub(crate) fn longer(pause: Duration, longest: Duration) -> Duration {
    pause.saturating_mul(2).min(longest)
}

/// Returns the wait before a retry: exponential backoff with full jitter, so that partitions that failed
/// together retry at different times.
pub(crate) fn jittered(retry: &Retry, failures: u32) -> Duration {
    rand::random_range(Duration::ZERO..=after(retry, failures)).max(Duration::from_millis(1))
}

/// Returns the longest wait after this number of failures.
fn after(retry: &Retry, failures: u32) -> Duration {
    // 2^20 times the default base of 500 ms is six days, beyond any useful cap.
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
