//! Dates that may be cut short: `2024`, `2024-01`, `2024-01-31`, `2024-01-31T10:00:00.5+01:00`.
//!
//! A missing month or day is the first one. A missing part of the time is its last value when rounding up, and zero
//! otherwise. So `lte 2024` ends with 1 January 2024. OpenSearch's `JavaDateFormatter` reads dates like this.

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// The parts of a date that a text has.
struct Read<'a> {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    /// Hours, minutes and seconds, if the text has them.
    clock: [Option<i8>; 3],
    millisecond: Option<i32>,
    zone: &'a str,
}

/// Reads a date that may be cut short. `up` fills in the last values of a missing time.
pub(super) fn read(text: &str, zone: &TimeZone, up: bool) -> Option<Zoned> {
    Read::of(text)?.at(zone, up)
}

/// Reads a date with a whole time and an offset from UTC.
pub(super) fn read_whole(text: &str, zone: &TimeZone, up: bool) -> Option<Zoned> {
    let read = Read::of(text)?;
    let is_whole = read.clock[2].is_some() && !read.zone.is_empty();
    if is_whole { read.at(zone, up) } else { None }
}

/// Returns whether a text is a date without a second. A column of moments reads it as a whole period, and other columns
/// read it as a plain text.
pub(in crate::compat::opensearch::dsl) fn is_vague(text: &str) -> bool {
    Read::of(text).is_some_and(|read| read.clock[2].is_none())
}

impl<'a> Read<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (day, time) = match text.split_once('T') {
            Some((day, time)) => (day, Some(time)),
            None => (text, None),
        };
        let mut parts = day.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = optional(parts.next(), |part| digits(part, 2))?;
        let day = optional(parts.next(), |part| digits(part, 2))?;
        if parts.next().is_some() || (time.is_some() && day.is_none()) {
            return None;
        }
        let time = time.unwrap_or_default();
        let (time, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
        let (time, fraction) = match time.split_once(['.', ',']) {
            Some((time, fraction)) => (time, Some(fraction)),
            None => (time, None),
        };
        let mut parts = time.split(':').filter(|_| !time.is_empty());
        let mut clock = [None; 3];
        for place in &mut clock {
            *place = optional(parts.next(), |part| digits(part, 2))?;
        }
        if parts.next().is_some() || (fraction.is_some() && clock[2].is_none()) {
            return None;
        }
        Some(Self {
            year,
            month,
            day,
            clock,
            millisecond: optional(fraction, milliseconds)?,
            zone,
        })
    }

    fn at(&self, zone: &TimeZone, up: bool) -> Option<Zoned> {
        let or = |given: Option<i8>, last: i8| given.unwrap_or(if up { last } else { 0 });
        let [hour, minute, second] = self.clock;
        let millisecond = self.millisecond.unwrap_or(if up { 999 } else { 0 });
        let day = Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok()?;
        let time = Time::new(or(hour, 23), or(minute, 59), or(second, 59), millisecond * 1_000_000).ok()?;
        let zone = match self.zone {
            "" => zone.clone(),
            "Z" => TimeZone::UTC,
            offset => TimeZone::fixed(self::offset(offset)?),
        };
        DateTime::from_parts(day, time).to_zoned(zone).ok()
    }
}

/// Reads a part that may be missing. Returns `None` if a present part cannot be read.
#[expect(clippy::option_option, reason = "missing is not the same as wrong")]
fn optional<'a, T>(part: Option<&'a str>, read: impl FnOnce(&'a str) -> Option<T>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(part) => read(part).map(Some),
    }
}

/// Reads a number of exactly `many` digits.
fn digits<T: std::str::FromStr>(text: &str, many: usize) -> Option<T> {
    let fits = text.len() == many && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

/// Reads a fraction of a second, cut to milliseconds.
fn milliseconds(fraction: &str) -> Option<i32> {
    let fits = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|digit| digit.is_ascii_digit());
    format!("{fraction:0<3}").get(..3)?.parse().ok().filter(|_| fits)
}

/// Reads an offset from UTC: `+01:00`, `+0100` or `+01`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (rest, "00"),
        4 => rest.split_at_checked(2)?,
        5 => rest.split_once(':')?,
        _ => return None,
    };
    let (hours, minutes): (i32, i32) = (digits(hours, 2)?, digits(minutes, 2)?);
    let fits = hours <= 18 && minutes < 60;
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60))
        .ok()
        .filter(|_| fits)
}

/// Reads a time zone: its name, or an offset from UTC.
pub(in crate::compat::opensearch::dsl) fn zone(text: &str) -> Option<TimeZone> {
    match text {
        "Z" | "UTC" => Some(TimeZone::UTC),
        text => offset(text).map(TimeZone::fixed).or_else(|| TimeZone::get(text).ok()),
    }
}
