//! Moments as OpenSearch writes them: dates, numbers since 1970, and date math (`now-90d/d`,
//! `2024-01-01||-1M`). All of them are UTC unless they say otherwise.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use lethe_common::filter::Comparison;

/// What a text or a number stands for: a moment, or a time of some length, as a date is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    from: DateTime,
    /// The first moment after it; of a moment, itself.
    next: DateTime,
}

/// What a number since 1970 counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Seconds,
    Milliseconds,
}

/// Units of time, as date math calls them.
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

impl Moment {
    /// Returns the moment at which a text that is read is read.
    pub(super) fn now(now: Timestamp) -> Self {
        let now = now.to_zoned(TimeZone::UTC).datetime();
        // Whole seconds, so that it is written as columns of texts usually have moments.
        Self::exact(Unit::Second.floor(now))
    }

    /// Reads a date, or a date and a time: `2024`, `2024-01`, `2024-01-31`, `2024-01-31T10:00:00Z`.
    pub(super) fn dated(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T').unwrap_or((text, ""));
        let (date, unit) = match date.len() {
            4 => (format!("{date}-01-01"), Unit::Year),
            7 => (format!("{date}-01"), Unit::Month),
            10 => (date.to_owned(), Unit::Day),
            _ => return None,
        };
        if time.is_empty() {
            let date: Date = date.parse().ok()?;
            return Self::of(date.at(0, 0, 0, 0), unit);
        }
        let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
        let (clock, zone) = time.split_at_checked(zone)?;
        let (clock, unit) = match clock.len() {
            2 => (format!("{clock}:00:00"), Some(Unit::Hour)),
            5 => (format!("{clock}:00"), Some(Unit::Minute)),
            8 => (clock.to_owned(), Some(Unit::Second)),
            9.. => (clock.to_owned(), None),
            _ => return None,
        };
        let zone = if zone.is_empty() { "Z" } else { zone };
        let at: Timestamp = format!("{date}T{clock}{zone}").parse().ok()?;
        // Dates have milliseconds there, and no more.
        let at = Timestamp::from_millisecond(at.as_microsecond().div_euclid(1_000)).ok()?;
        let at = at.to_zoned(TimeZone::UTC).datetime();
        match unit {
            Some(unit) => Self::of(at, unit),
            None => Some(Self::exact(at)),
        }
    }

    /// Reads a number since 1970.
    pub(super) fn counted(number: i64, count: Count) -> Option<Self> {
        let at = match count {
            Count::Seconds => Timestamp::from_second(number),
            Count::Milliseconds => Timestamp::from_millisecond(number),
        };
        at.ok().map(|at| Self::exact(at.to_zoned(TimeZone::UTC).datetime()))
    }

    /// Returns what steps such as `-1M+2d/d` make of it.
    pub(super) fn moved(self, steps: &str) -> Option<Self> {
        if steps.is_empty() {
            return Some(self);
        }
        // What is moved is a moment: only what is rounded has a length.
        let mut moved = Self::exact(self.from);
        let mut rest = steps.chars();
        while let Some(operator) = rest.next() {
            let digits = rest.as_str().bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.as_str().split_at_checked(digits)?;
            rest = after.chars();
            let unit = Unit::called(rest.next()?)?;
            let number = match (operator, number) {
                ('/', "") => None,
                ('+' | '-', "") => Some(1),
                ('+' | '-', number) => Some(number.parse::<i32>().ok()?),
                _ => return None,
            };
            moved = match number {
                None => moved.rounded(unit)?,
                Some(n) => {
                    let span = unit.span(if operator == '-' { -i64::from(n) } else { i64::from(n) })?;
                    Self {
                        from: moved.from.checked_add(span).ok()?,
                        next: moved.next.checked_add(span).ok()?,
                    }
                }
            };
        }
        Some(moved)
    }

    /// Returns the comparison with a moment that means the comparison with this. More than a day is what
    /// comes after it, and at most a day is all of it; less than a day is what comes before it.
    pub(super) fn compared(self, comparison: Comparison) -> Option<(Comparison, Timestamp)> {
        let (comparison, at) = match comparison {
            Comparison::Gt if self.has_length() => (Comparison::Gte, self.next),
            Comparison::Lte if self.has_length() => (Comparison::Lt, self.next),
            comparison => (comparison, self.from),
        };
        Some((comparison, at.to_zoned(TimeZone::UTC).ok()?.timestamp()))
    }

    fn exact(at: DateTime) -> Self {
        Self { from: at, next: at }
    }

    fn of(from: DateTime, unit: Unit) -> Option<Self> {
        let next = from.checked_add(unit.span(1)?).ok()?;
        Some(Self { from, next })
    }

    fn has_length(self) -> bool {
        self.from != self.next
    }

    fn rounded(self, unit: Unit) -> Option<Self> {
        let last = if self.has_length() {
            self.next.checked_sub(Span::new().nanoseconds(1)).ok()?
        } else {
            self.from
        };
        Some(Self {
            from: unit.floor(self.from),
            next: unit.floor(last).checked_add(unit.span(1)?).ok()?,
        })
    }
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

    fn span(self, n: i64) -> Option<Span> {
        let none = Span::new();
        match self {
            Self::Year => none.try_years(n),
            Self::Month => none.try_months(n),
            Self::Week => none.try_weeks(n),
            Self::Day => none.try_days(n),
            Self::Hour => none.try_hours(n),
            Self::Minute => none.try_minutes(n),
            Self::Second => none.try_seconds(n),
        }
        .ok()
    }

    /// Returns the beginning of the unit that a moment is in; weeks begin on Monday.
    fn floor(self, at: DateTime) -> DateTime {
        let date = at.date();
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        match self {
            Self::Year => date.first_of_year().at(0, 0, 0, 0),
            Self::Month => date.first_of_month().at(0, 0, 0, 0),
            Self::Week => {
                let since = i64::from(date.weekday().to_monday_zero_offset());
                date.saturating_sub(Span::new().days(since)).at(0, 0, 0, 0)
            }
            Self::Day => date.at(0, 0, 0, 0),
            Self::Hour => date.at(hour, 0, 0, 0),
            Self::Minute => date.at(hour, minute, 0, 0),
            Self::Second => date.at(hour, minute, second, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2024-03-31T10:20:30.456Z";

    fn compared(moment: Option<Moment>, comparison: Comparison) -> Option<String> {
        let (comparison, at) = moment?.compared(comparison)?;
        Some(format!("{} {at}", comparison.operator()))
    }

    #[test]
    fn steps_lead_from_a_moment_to_another() {
        let now = || Moment::now(NOW.parse().unwrap());
        for (steps, below, at_most) in [
            ("", "< 2024-03-31T10:20:30Z", "<= 2024-03-31T10:20:30Z"),
            ("-90d", "< 2024-01-01T10:20:30Z", "<= 2024-01-01T10:20:30Z"),
            // The last day of a month stays the last one.
            ("-1M", "< 2024-02-29T10:20:30Z", "<= 2024-02-29T10:20:30Z"),
            ("+y", "< 2025-03-31T10:20:30Z", "<= 2025-03-31T10:20:30Z"),
            ("/d", "< 2024-03-31T00:00:00Z", "< 2024-04-01T00:00:00Z"),
            ("-1h/h", "< 2024-03-31T09:00:00Z", "< 2024-03-31T10:00:00Z"),
            ("/w", "< 2024-03-25T00:00:00Z", "< 2024-04-01T00:00:00Z"),
            ("/y", "< 2024-01-01T00:00:00Z", "< 2025-01-01T00:00:00Z"),
            ("/m", "< 2024-03-31T10:20:00Z", "< 2024-03-31T10:21:00Z"),
            ("/d+1H", "< 2024-03-31T01:00:00Z", "< 2024-04-01T01:00:00Z"),
            ("/d/M", "< 2024-03-01T00:00:00Z", "< 2024-04-01T00:00:00Z"),
        ] {
            assert_eq!(
                compared(now().moved(steps), Comparison::Lt).as_deref(),
                Some(below),
                "{steps}"
            );
            assert_eq!(
                compared(now().moved(steps), Comparison::Lte).as_deref(),
                Some(at_most),
                "{steps}"
            );
        }
        for wrong in [
            "-",
            "d",
            "-1",
            "-1x",
            "/2d",
            "*1d",
            "-1d ",
            " -1d",
            "-99999999999d",
            "+300000y",
        ] {
            assert_eq!(now().moved(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_has_a_length_is_compared_as_a_whole() {
        for (text, from, after) in [
            ("2024", ">= 2024-01-01T00:00:00Z", ">= 2025-01-01T00:00:00Z"),
            ("2024-02", ">= 2024-02-01T00:00:00Z", ">= 2024-03-01T00:00:00Z"),
            ("2024-02-29", ">= 2024-02-29T00:00:00Z", ">= 2024-03-01T00:00:00Z"),
            ("2024-02-29T10", ">= 2024-02-29T10:00:00Z", ">= 2024-02-29T11:00:00Z"),
            (
                "2024-02-29T10:30+01:00",
                ">= 2024-02-29T09:30:00Z",
                ">= 2024-02-29T09:31:00Z",
            ),
            (
                "2024-02-29T10:30:05Z",
                ">= 2024-02-29T10:30:05Z",
                ">= 2024-02-29T10:30:06Z",
            ),
            (
                "2024-02-29T10:30:05.5009Z",
                ">= 2024-02-29T10:30:05.5Z",
                "> 2024-02-29T10:30:05.5Z",
            ),
        ] {
            assert_eq!(
                compared(Moment::dated(text), Comparison::Gte).as_deref(),
                Some(from),
                "{text}"
            );
            assert_eq!(
                compared(Moment::dated(text), Comparison::Gt).as_deref(),
                Some(after),
                "{text}"
            );
        }
        for wrong in [
            "",
            "T",
            "yesterday",
            "24-01-01",
            "2024-13",
            "2024-02-30",
            "2024-02-29T25:00",
            "2024-02-29T10:00X",
            "éé24",
            "20240229",
            "2024-02-29T100000",
        ] {
            assert_eq!(Moment::dated(wrong), None, "{wrong}");
        }
        // What is moved is a moment.
        let moved = Moment::dated("2024-01-31").and_then(|day| day.moved("+1M"));
        assert_eq!(
            compared(moved, Comparison::Lte).as_deref(),
            Some("<= 2024-02-29T00:00:00Z")
        );
    }
}
