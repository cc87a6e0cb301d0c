//! Local times in a time zone. Some of them stand for no moment, or for two.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// From this year on, future clock changes are unknown: local times are doubtful there.
const UNKNOWN_FROM: i16 = 2_200;

/// A time zone, with the local times that stand for no moment, or for two.
#[derive(Debug, Clone)]
pub struct Zone {
    rules: TimeZone,
    doubtful: Vec<(DateTime, DateTime)>,
    unknown_from: Option<DateTime>,
}

impl Zone {
    /// Returns the zone with the IANA name `name`.
    pub fn called(name: &str) -> Option<Self> {
        let zone = crate::schedule::zone(name)?;
        let first = DateTime::constant(1, 1, 1, 0, 0, 0, 0);
        let start = Offset::UTC.to_timestamp(first).ok()?;
        let end = Offset::UTC
            .to_timestamp(first.with().year(UNKNOWN_FROM).build().ok()?)
            .ok()?;
        let mut before = zone.to_offset(start);
        let mut gaps = Vec::new();
        for transition in zone
            .following(start)
            .take_while(|transition| transition.timestamp() < end)
        {
            let (at, after) = (transition.timestamp(), transition.offset());
            // Clocks that are put forward skip these times; clocks that are put back show them twice.
            let (one, other) = (before.to_datetime(at), after.to_datetime(at));
            if one != other {
                gaps.push((one.min(other), one.max(other)));
            }
            before = after;
        }
        gaps.sort_unstable();
        let mut doubtful: Vec<(DateTime, DateTime)> = Vec::new();
        for (from, to) in gaps {
            match doubtful.last_mut() {
                Some((_, last)) if from <= *last => *last = to.max(*last),
                _ => doubtful.push((from, to)),
            }
        }
        let changes = zone.following(end).next().is_some();
        let unknown_from = changes.then(|| before.to_datetime(end));
        Some(Self {
            rules: zone,
            doubtful,
            unknown_from,
        })
    }

    /// Returns the local time at a moment.
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.rules.to_datetime(at)
    }

    /// Returns the moment of a local time; `None` if there is none, or two.
    pub fn moment(&self, local: DateTime) -> Option<Timestamp> {
        if self.doubtful_since(local).is_some() {
            return None;
        }
        self.rules.to_ambiguous_timestamp(local).unambiguous().ok()
    }

    /// Returns the first of the doubtful local times around a local time; `None` if it is not doubtful.
    pub fn doubtful_since(&self, local: DateTime) -> Option<DateTime> {
        let mut ranges = self.doubtful.iter();
        let around = ranges.find(|(from, to)| (*from..*to).contains(&local));
        let around = around.map(|(from, _)| *from);
        around.or_else(|| self.unknown_from.filter(|from| local >= *from))
    }

    /// Returns the ranges of local times (end exclusive) that stand for no moment, or for two, in order.
    pub fn doubtful(&self) -> &[(DateTime, DateTime)] {
        &self.doubtful
    }

    /// Returns the local time from which on moments are unknown, if the zone changes its clocks.
    pub fn unknown_from(&self) -> Option<DateTime> {
        self.unknown_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_that_are_none_or_two_moments_are_doubtful() {
        let zone = Zone::called("Europe/Berlin").unwrap();
        let moment = |text: &str| zone.moment(text.parse().unwrap()).map(|at| at.to_string());
        for (local, expected) in [
            ("2024-07-01T12:00", Some("2024-07-01T10:00:00Z")),
            ("2024-03-31T01:59:59", Some("2024-03-31T00:59:59Z")),
            ("2024-03-31T02:00", None),
            ("2024-03-31T02:59:59.9", None),
            ("2024-03-31T03:00", Some("2024-03-31T01:00:00Z")),
            ("2024-10-27T01:59:59", Some("2024-10-26T23:59:59Z")),
            ("2024-10-27T02:00", None),
            ("2024-10-27T02:59:59", None),
            ("2024-10-27T03:00", Some("2024-10-27T02:00:00Z")),
            ("2300-07-01T12:00", None),
        ] {
            assert_eq!(moment(local).as_deref(), expected, "{local}");
        }
        let since = |text: &str| zone.doubtful_since(text.parse().unwrap()).map(|from| from.to_string());
        for (local, expected) in [
            ("2024-10-27T01:59:59", None),
            ("2024-10-27T02:15", Some("2024-10-27T02:00:00")),
            ("2024-10-27T03:00", None),
            ("2300-07-01T12:00", Some("2200-01-01T01:00:00")),
        ] {
            assert_eq!(since(local).as_deref(), expected, "{local}");
        }
        assert!(Zone::called("UTC").unwrap().doubtful().is_empty());
        assert!(Zone::called("Etc/GMT+5").unwrap().unknown_from().is_none());
        assert!(Zone::called("Europe/Atlantis").is_none());
    }
}
