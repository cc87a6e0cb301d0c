//! `[retry]`: the backoff, the time limits and the circuit breakers of failed work.

use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigErrors;
use super::text;

/// The backoff, the time limits and the circuit breakers of failed work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// The wait after the first transient failure; it doubles, jittered, up to `cap`.
    #[serde(deserialize_with = "text::duration")]
    pub base: Duration,
    /// The longest wait between two attempts.
    #[serde(deserialize_with = "text::duration")]
    pub cap: Duration,
    /// The time without progress after which a job fails. Pauses, closed windows and waits for its pace do not count.
    #[serde(deserialize_with = "text::duration")]
    pub give_up_after: Duration,
    /// The most further rounds that erase residue of a read-back.
    pub rounds: u32,
    /// The number of failures in a row that opens a target's circuit breaker.
    pub breaker_failures: u32,
    /// The wait of an open breaker before its first probe; it doubles.
    #[serde(deserialize_with = "text::duration")]
    pub breaker_pause: Duration,
    /// The longest wait between two probes.
    #[serde(deserialize_with = "text::duration")]
    pub breaker_pause_cap: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            base: Duration::from_millis(500),
            cap: Duration::from_mins(5),
            // A weekend: a store that broke on Friday evening may be repaired on Monday.
            give_up_after: DAY * 3,
            rounds: 5,
            breaker_failures: 3,
            breaker_pause: Duration::from_secs(5),
            breaker_pause_cap: Duration::from_mins(1),
        }
    }
}

impl Retry {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        let more = "write more than 0s";
        errors.require(!self.base.is_zero(), "retry.base", more);
        errors.require(self.cap >= self.base, "retry.cap", "write at least retry.base");
        errors.require(
            self.give_up_after >= self.cap,
            "retry.give_up_after",
            "write at least retry.cap",
        );
        errors.require(self.breaker_failures > 0, "retry.breaker_failures", "write at least 1");
        errors.require(!self.breaker_pause.is_zero(), "retry.breaker_pause", more);
        errors.require(
            self.breaker_pause_cap >= self.breaker_pause,
            "retry.breaker_pause_cap",
            "write at least retry.breaker_pause",
        );
    }
}
