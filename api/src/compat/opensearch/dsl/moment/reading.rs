//! How bounds are read.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use lethe_common::filter::Comparison;

use super::{date, math};

/// How a text stands for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compat::opensearch::dsl) enum TimeFormat {
    /// A date, with as much of a time as there is: `strict_date_optional_time`.
    Date,
    /// A date and a time, and how far from UTC: `strict_date_time`.
    DateTime,
    /// What was counted since 1970.
    Counted(Count),
}

/// What a number since 1970 counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compat::opensearch::dsl) enum Count {
    Seconds,
    Milliseconds,
}

/// How bounds are read.
pub(in crate::compat::opensearch::dsl) struct Reading {
    /// How they may be written; the first that fits is meant.
    pub(in crate::compat::opensearch::dsl) written: Vec<TimeFormat>,
    /// Where a date is that does not say it, and where days begin.
    pub(in crate::compat::opensearch::dsl) zone: TimeZone,
    pub(in crate::compat::opensearch::dsl) now: Timestamp,
}

impl Reading {
    /// Returns how OpenSearch reads them where nothing is said.
    pub(in crate::compat::opensearch::dsl) fn usual(now: Timestamp) -> Self {
        Self {
            written: vec![TimeFormat::Date, TimeFormat::Counted(Count::Milliseconds)],
            zone: TimeZone::UTC,
            now,
        }
    }

    /// Returns the moment of a text, in milliseconds since 1970: its last one, if it is to be rounded up.
    pub(in crate::compat::opensearch::dsl) fn read(&self, text: &str, up: bool) -> Option<i64> {
        let moved = if let Some(steps) = text.strip_prefix("now") {
            let now = Timestamp::from_millisecond(self.now.as_millisecond()).ok()?;
            math::moved(now.to_zoned(self.zone.clone()), steps, up)?
        } else if let Some((anchor, steps)) = text.split_once("||") {
            // A step moves the first moment. Only a rounding after it rounds up.
            math::moved(self.anchor(anchor, false)?, steps, up)?
        } else {
            self.anchor(text, up)?
        };
        Some(moved.timestamp().as_millisecond())
    }

    /// Returns the edge that a bound means.
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

    /// Of a number nobody knows whether a time zone is about it.
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

/// Where a range begins, or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compat::opensearch::dsl) struct Edge {
    pub(in crate::compat::opensearch::dsl) is_lower: bool,
    /// The first millisecond that is in, or out.
    pub(in crate::compat::opensearch::dsl) at: Timestamp,
}
