//! Date math: steps such as `-1M+2d/d` from one moment to another.
//!
//! Rounding up moves to the last millisecond of the unit, and the next step starts there. So
//! `lte 2024-02-10||/M+1M` ends on 29 March. OpenSearch's `JavaDateMathParser` does the same.

use jiff::civil::{Time, Weekday};
use jiff::{Span, ToSpan, Zoned};

/// The units of time in date math.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

/// Applies steps to a moment. `up` rounds to the end of a unit, otherwise to its start.
pub(super) fn moved(from: Zoned, steps: &str, up: bool) -> Option<Zoned> {
    let mut at = from;
    let mut rest = steps;
    while !rest.is_empty() {
        let (operator, after) = rest.split_at_checked(1)?;
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = after.split_at_checked(digits)?;
        let number: i32 = if number.is_empty() { 1 } else { number.parse().ok()? };
        let unit = Unit::called(after.chars().next()?)?;
        // Units are ASCII.
        rest = after.get(1..)?;
        at = match operator {
            "/" if number == 1 => unit.rounded(&at, up)?,
            "+" => unit.after(&at, i64::from(number))?,
            "-" => unit.after(&at, -i64::from(number))?,
            _ => return None,
        };
    }
    Some(at)
}

impl Unit {
    fn called(name: char) -> Option<Self> {
        Some(match name {
            'y' => Self::Year,
            'M' => Self::Month,
            'w' => Self::Week,
            'd' => Self::Day,
            'h' | 'H' => Self::Hour,
            'm' => Self::Minute,
            's' => Self::Second,
            _ => return None,
        })
    }

    /// Returns the first moment of the unit, or with `up` its last millisecond.
    fn rounded(self, at: &Zoned, up: bool) -> Option<Zoned> {
        let first = self.floor(at)?;
        if up {
            self.after(&first, 1)?.checked_sub(1.millisecond()).ok()
        } else {
            Some(first)
        }
    }

    /// Returns the moment `n` units later. Days and longer units follow the calendar: the time of day stays. A day that
    /// a shorter month lacks becomes its last day.
    fn after(self, at: &Zoned, n: i64) -> Option<Zoned> {
        let none = Span::new();
        let days = match self {
            Self::Year => none.try_years(n),
            Self::Month => none.try_months(n),
            Self::Week => none.try_weeks(n),
            Self::Day => none.try_days(n),
            Self::Hour => return at.checked_add(none.try_hours(n).ok()?).ok(),
            Self::Minute => return at.checked_add(none.try_minutes(n).ok()?).ok(),
            Self::Second => return at.checked_add(none.try_seconds(n).ok()?).ok(),
        };
        let date = at.date().checked_add(days.ok()?).ok()?;
        at.with().date(date).build().ok()
    }

    /// Returns the start of the unit that contains a moment. Weeks start on Monday.
    fn floor(self, at: &Zoned) -> Option<Zoned> {
        let date = match self {
            Self::Year => at.date().first_of_year(),
            Self::Month => at.date().first_of_month(),
            Self::Week => {
                let since = at.date().weekday().since(Weekday::Monday);
                at.date().checked_sub(Span::new().days(i64::from(since))).ok()?
            }
            Self::Day | Self::Hour | Self::Minute | Self::Second => at.date(),
        };
        let (hour, minute, second) = match self {
            Self::Year | Self::Month | Self::Week | Self::Day => (0, 0, 0),
            Self::Hour => (at.hour(), 0, 0),
            Self::Minute => (at.hour(), at.minute(), 0),
            Self::Second => (at.hour(), at.minute(), at.second()),
        };
        let time = Time::new(hour, minute, second, 0).ok()?;
        at.with().date(date).time(time).build().ok()
    }
}
