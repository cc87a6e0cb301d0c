//! Wall time outside the ledger: in answers, events and logs.
//!
//! Leases, due times and whatever else is compared between processes use the clock of the
//! ledger's database, inside the statement. This one must not decide who may do what.

use jiff::Timestamp;

/// Wall time: the system's, or one that a test set.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock(Option<Timestamp>);

impl Clock {
    /// Returns the system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// Returns a clock that stands still.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(at))
    }

    /// Returns the present time.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that the ban of it points to"
    )]
    pub fn now(&self) -> Timestamp {
        self.0.unwrap_or_else(Timestamp::now)
    }
}

/// Returns `at` as the ledger stores times: milliseconds since 1970, rounded down.
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
