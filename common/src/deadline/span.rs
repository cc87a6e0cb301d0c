//! Spans of the calendar: months and days.

use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Ten years: no law gives more, and no sum of such spans leaves the calendar.
const MOST_MONTHS: i32 = 120;

/// Ten years of days.
const MOST_DAYS: i32 = 3660;

/// A number of calendar months and days: `1mo`, `45d`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CalendarSpan {
    months: i32,
    days: i32,
}

impl CalendarSpan {
    pub(super) const fn months(months: i32) -> Self {
        Self { months, days: 0 }
    }

    pub(super) const fn days(days: i32) -> Self {
        Self { months: 0, days }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            months: self.months + other.months,
            days: self.days + other.days,
        }
    }

    /// Returns whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.months == 0 && self.days == 0
    }

    /// Returns the shortest time that this span can be: a month has at least 28 days.
    pub fn shortest(self) -> Duration {
        let days = self.months.saturating_mul(28).saturating_add(self.days);
        Duration::from_hours(24 * u64::from(days.unsigned_abs()))
    }

    /// Returns the moment that is this span after `from`, at the same time of the day in UTC. Both are in milliseconds since
    /// 1970.
    pub(super) fn after(self, from: i64) -> Option<i64> {
        let span = Span::new().try_months(self.months).ok()?.try_days(self.days).ok()?;
        let from = Timestamp::from_millisecond(from).ok()?.to_zoned(TimeZone::UTC);
        Some(from.checked_add(span).ok()?.timestamp().as_millisecond())
    }
}

impl FromStr for CalendarSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write a number of months or days up to ten years, such as \"1mo\" or \"45d\"".to_owned();
        let span: Span = text.parse().map_err(|_| wrong())?;
        let months = i32::from(span.get_years()).saturating_mul(12);
        let read = Self {
            months: months.saturating_add(span.get_months()),
            days: span.get_weeks().saturating_mul(7).saturating_add(span.get_days()),
        };
        let dates = Span::new()
            .try_years(span.get_years())
            .and_then(|dates| dates.try_months(span.get_months()))
            .and_then(|dates| dates.try_weeks(span.get_weeks()))
            .and_then(|dates| dates.try_days(span.get_days()))
            .map_err(|_| wrong())?;
        // A deadline in hours would be none of the calendar.
        let is_of_dates = dates.fieldwise() == span.fieldwise();
        let is_bounded = (0..=MOST_MONTHS).contains(&read.months) && (0..=MOST_DAYS).contains(&read.days);
        if is_of_dates && is_bounded {
            Ok(read)
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_days_are_read_and_hours_are_not() {
        assert_eq!("1mo".parse::<CalendarSpan>(), Ok(CalendarSpan::months(1)));
        assert_eq!("45d".parse::<CalendarSpan>(), Ok(CalendarSpan::days(45)));
        assert_eq!("1y".parse::<CalendarSpan>(), Ok(CalendarSpan::months(12)));
        assert_eq!("2w".parse::<CalendarSpan>(), Ok(CalendarSpan::days(14)));
        assert_eq!(
            "1mo 2d".parse::<CalendarSpan>(),
            Ok(CalendarSpan::months(1).and(CalendarSpan::days(2)))
        );
        assert!("0d".parse::<CalendarSpan>().is_ok_and(CalendarSpan::is_zero));
        let days = |text: &str| {
            text.parse::<CalendarSpan>()
                .map(|span| span.shortest().as_secs() / 86_400)
        };
        assert_eq!((days("1mo"), days("1mo 2d"), days("0d")), (Ok(28), Ok(30), Ok(0)));
        for wrong in ["", "1", "36h", "1mo 1h", "-1mo", "1 mo ago", "11y", "4000d", "month"] {
            assert!(wrong.parse::<CalendarSpan>().is_err(), "{wrong}");
        }
    }
}
