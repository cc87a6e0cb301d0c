//! Wall time outside the ledger: in answers, events and logs, and for the expiry of keys and tokens.
//!
//! Leases, due times and other times that processes compare use the clock of the ledger's database,
//! inside the statement. This clock must not decide about them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Wall time: the system's clock, or a clock that a test sets. Clones share one clock.
///
/// ```
/// use lethe_common::clock::Clock;
///
/// let clock = Clock::fixed("2030-01-31T12:00:00Z".parse()?);
/// let handed_in = clock.clone();
/// clock.set("2030-02-01T12:00:00Z".parse()?);
/// assert_eq!(handed_in.now().to_string(), "2030-02-01T12:00:00Z");
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<Mutex<Timestamp>>>);

impl Clock {
    /// Returns the system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// Returns a clock that stands still until it is set.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(at))))
    }

    /// Sets a clock that stands still.
    ///
    /// # Panics
    ///
    /// The system's clock cannot be set.
    pub fn set(&self, to: Timestamp) {
        let at = self.0.as_ref().expect("only clocks of tests are set");
        *lock(at) = to;
    }

    /// Returns the present time.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that the ban of it points to"
    )]
    pub fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(Timestamp::now, |at| *lock(at))
    }
}

fn lock(at: &Mutex<Timestamp>) -> MutexGuard<'_, Timestamp> {
    at.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns `at` as the ledger stores times: milliseconds since 1970, without fractions.
pub fn to_millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Returns the time that the ledger stored as `millis`, or `None` beyond the year 9999.
pub fn from_millis(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis).ok()
}

#[cfg(test)]
mod tests {
    use super::{from_millis, to_millis};

    #[test]
    fn milliseconds_survive_the_way_there_and_back() {
        for millis in [0, -1, 1_700_000_000_123] {
            assert_eq!(from_millis(millis).map(to_millis), Some(millis));
        }
        assert_eq!(from_millis(i64::MAX), None);
    }
}
