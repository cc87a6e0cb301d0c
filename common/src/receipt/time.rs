//! Times in a receipt.

use std::fmt;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::{from_millis, to_millis};

/// A time in milliseconds since 1970. Receipts write it as RFC 3339, in UTC, always with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// Returns the milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }
}

impl From<i64> for Time {
    fn from(millis: i64) -> Self {
        Self(millis)
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(to_millis(at))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The ledger's times end before the year 9999. A receipt must be written in any case.
        let at = from_millis(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX });
        write!(f, "{at:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let at: Timestamp = text.parse().map_err(|_| D::Error::custom("a time is no RFC 3339"))?;
        Ok(Self::from(at))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_always_has_milliseconds() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_774_947_600_120, "2026-03-31T09:00:00.120Z"),
        ] {
            assert_eq!(json!(Time::from(millis)), json!(text));
            assert_eq!(serde_json::from_value::<Time>(json!(text)).unwrap().millis(), millis);
        }
        assert!(serde_json::from_value::<Time>(json!("soon")).is_err());
    }

    #[test]
    fn a_time_beyond_all_calendars_is_still_written() {
        assert!(Time::from(i64::MAX).to_string().starts_with("9999-"));
        assert!(Time::from(i64::MIN).to_string().starts_with("-009999-"));
    }
}
