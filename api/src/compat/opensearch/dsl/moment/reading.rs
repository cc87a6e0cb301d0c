//! Reading bounds as moments.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use lethe_common::filter::Comparison;

use super::{date, math};

/// The notation of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compat::opensearch::dsl) enum TimeFormat {
    /// A date with an optional time: `strict_date_optional_time`.
    Date,
    /// A date with a time and an offset from UTC: `strict_date_time`.
    DateTime,
    /// A number of units since 1970.
    Counted(Count),
}

/// The unit of a number since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compat::opensearch::dsl) enum Count {
    Seconds,
    Milliseconds,
}

/// The rules for reading bounds.
pub(in crate::compat::opensearch::dsl) struct Reading {
    /// The allowed notations. The first one that fits applies.
    pub(in crate::compat::opensearch::dsl) written: Vec<TimeFormat>,
    /// The time zone of dates without an offset, and of the start of days.
    pub(in crate::compat::opensearch::dsl) zone: TimeZone,
    pub(in crate::compat::opensearch::dsl) now: Timestamp,
}

impl Reading {
    /// Returns OpenSearch's default rules.
    pub(in crate::compat::opensearch::dsl) fn usual(now: Timestamp) -> Self {
        Self {
            written: vec![TimeFormat::Date, TimeFormat::Counted(Count::Milliseconds)],
            zone: TimeZone::UTC,
            now,
        }
    }

    /// Returns the first moment of a text, or with `up` its last one, in milliseconds since 1970.
    pub(in crate::compat::opensearch::dsl) fn read(&self, text: &str, up: bool) -> Option<i64> {
        let moved = if let Some(steps) = text.strip_prefix("now") {
            let now = Timestamp::from_millisecond(self.now.as_millisecond()).ok()?;
            math::moved(now.to_zoned(self.zone.clone()), steps, up)?
        } else if let Some((anchor, steps)) = text.split_once("||") {
            // Steps start at the first moment. Only a rounding step rounds up.
            math::moved(self.anchor(anchor, false)?, steps, up)?
        } else {
            self.anchor(text, up)?
        };
        Some(moved.timestamp().as_millisecond())
    }

    /// Returns the edge of a bound.
    pub(in crate::compat::opensearch::dsl) fn bound(&self, comparison: Comparison, text: &str) -> Option<Edge> {
        let is_after = matches!(comparison, Comparison::Gt | Comparison::Lte);
        let at = self.read(text, is_after)?.checked_add(i64::from(is_after))?;
        Some(Edge {
            is_lower: matches!(comparison, Comparison::Gt | Comparison::Gte),
            at: Timestamp::from_millisecond(at).ok()?,
        })
    }

    fn anchor(&self, text: &str, up: bool) -> Option<Zoned> {
        self.written.iter().find_map(|written| match written {
            TimeFormat::Date => date::read(text, &self.zone, up),
            TimeFormat::DateTime => date::read_whole(text, &self.zone, up),
            TimeFormat::Counted(count) => self.counted(text, *count, up),
        })
    }

    /// Reads a number since 1970. Beside a time zone it is ambiguous, and so refused.
    fn counted(&self, text: &str, count: Count, up: bool) -> Option<Zoned> {
        if self.zone != TimeZone::UTC {
            return None;
        }
        let number: i64 = text.parse().ok().filter(|_| !text.starts_with('+'))?;
        let at = match count {
            Count::Milliseconds => number,
            Count::Seconds => number.checked_mul(1_000)?.checked_add(if up { 999 } else { 0 })?,
        };
        Some(Timestamp::from_millisecond(at).ok()?.to_zoned(TimeZone::UTC))
    }
}

/// The start or the end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compat::opensearch::dsl) struct Edge {
    pub(in crate::compat::opensearch::dsl) is_lower: bool,
    /// The first millisecond inside a lower edge, or outside an upper edge.
    pub(in crate::compat::opensearch::dsl) at: Timestamp,
}
