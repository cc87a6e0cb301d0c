//! Moments: their forms in stored texts, their numbers since 1970, and local times in a time zone.
//!
//! The evaluator and every compiled statement read these forms alike. A text of another form is no
//! moment, and is never guessed.

mod counted;
mod zone;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::Scalar;

pub use counted::{Counted, Unit};
pub use zone::Zone;

/// The largest offset, in hours, that a stored text may have.
// SQLite's own functions accept no larger offset, and no clock has one.
const FARTHEST: i8 = 14;

/// A moment in the form of a stored text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// With its offset.
    At(Timestamp),
    /// Without an offset: a local time.
    Local(DateTime),
}

/// Reads a date, or a date and a time as Python, JavaScript and the databases write them: `2024-01-31`,
/// `2024-01-31 15:00`, `2024-01-31T15:00:00.123456+01:00`.
pub fn stored(text: &str) -> Option<Stored> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.number(4)?;
    rest.take(b"-")?;
    let month = rest.number(2)?;
    rest.take(b"-")?;
    let day = rest.number(2)?;
    let small = |number: u32| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    if year == 0 {
        return None;
    }
    if rest.0.is_empty() {
        return Some(Stored::Local(date.at(0, 0, 0, 0)));
    }
    rest.take(b"T ")?;
    let hour = rest.number(2)?;
    rest.take(b":")?;
    let minute = rest.number(2)?;
    let (mut second, mut nanosecond) = (0, 0);
    if rest.take(b":").is_some() {
        second = rest.number(2)?;
        if rest.take(b".").is_some() {
            nanosecond = rest.fraction()?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let at = date.at(small(hour)?, small(minute)?, small(second)?, nanosecond);
    if rest.0.is_empty() {
        return Some(Stored::Local(at));
    }
    let offset = rest.offset()?;
    // An offset may lead beyond the supported years.
    let at = offset.to_timestamp(at).ok()?;
    (is_in_range(at) && (year > 1 || offset.is_zero())).then_some(Stored::At(at))
}

/// Returns whether every database can hold a moment: the years 1 to 9999.
pub(super) fn is_in_range(at: Timestamp) -> bool {
    (1..=9_999).contains(&Offset::UTC.to_datetime(at).year())
}

/// The rest of a text.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take(&mut self, one_of: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !one_of.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0, |number, _| {
            Some(number * 10 + u32::from(self.take(b"0123456789")? - b'0'))
        })
    }

    /// Reads up to nine digits as nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let (mut number, mut unit) = (0, 1_000_000_000);
        while let Some(digit) = self.take(b"0123456789") {
            unit /= 10;
            if unit == 0 {
                return None;
            }
            number += i32::from(digit - b'0') * unit;
        }
        (unit < 1_000_000_000).then_some(number)
    }

    fn offset(&mut self) -> Option<Offset> {
        let sign = match self.take(b"Zz+-")? {
            b'-' => -1,
            b'+' => 1,
            _ => return self.0.is_empty().then_some(Offset::UTC),
        };
        let hours = i8::try_from(self.number(2)?).ok()?;
        let mut minutes = 0;
        if !self.0.is_empty() {
            // The colon is optional.
            let _colon = self.take(b":");
            minutes = self.number(2)?;
        }
        if hours > FARTHEST || minutes > 59 || !self.0.is_empty() {
            return None;
        }
        let seconds = i32::from(hours) * 3_600 + i32::try_from(minutes).ok()? * 60;
        Offset::from_seconds(sign * seconds).ok()
    }
}

impl Scalar {
    /// Returns the moment of a bound or a value for a column of moments. Texts may have any spelling, and are UTC
    /// without an offset; numbers are milliseconds since 1970.
    pub fn as_moment(&self) -> Option<Timestamp> {
        let at = match self {
            Self::Integer(milliseconds) => Timestamp::from_millisecond(*milliseconds).ok()?,
            Self::Text(text) => super::value::timestamp(text)?,
            Self::Float(_) | Self::Bool(_) => return None,
        };
        is_in_range(at).then_some(at)
    }

    /// Returns the moment of a text in one of the stored forms. Where a column may hold any text, only such
    /// a bound is about moments.
    pub fn as_stored(&self) -> Option<Timestamp> {
        let Self::Text(text) = self else { return None };
        match stored(text)? {
            Stored::At(at) => Some(at),
            Stored::Local(at) => Offset::UTC.to_timestamp(at).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn stored_texts_have_few_forms_and_all_others_are_none() {
        let local = |text: &str| Some(Stored::Local(text.parse().unwrap()));
        for (text, expected) in [
            ("2024-01-31", local("2024-01-31T00:00:00")),
            ("2024-01-31 15:00", local("2024-01-31T15:00:00")),
            ("2024-01-31 15:00:01.000001", local("2024-01-31T15:00:01.000001")),
            ("2024-01-31T15:00:01.123456789", local("2024-01-31T15:00:01.123456789")),
            ("0001-01-01", local("0001-01-01T00:00:00")),
            ("2024-02-29T15:00Z", Some(Stored::At(at("2024-02-29T15:00:00Z")))),
            (
                "2024-01-31 15:00:00+05:30",
                Some(Stored::At(at("2024-01-31T09:30:00Z"))),
            ),
            ("2024-01-31 15:00:00-0530", Some(Stored::At(at("2024-01-31T20:30:00Z")))),
            ("2024-01-31 15:00:00+00", Some(Stored::At(at("2024-01-31T15:00:00Z")))),
        ] {
            assert_eq!(stored(text), expected, "{text}");
        }
        for text in [
            "",
            "2024",
            "2024-1-31",
            "20240131",
            "2023-02-29",
            "2024-01-32",
            "0000-01-01",
            "2024-01-31T",
            "2024-01-31 24:00",
            "2024-01-31 15:00:60",
            "2024-01-31 15:00.5",
            "2024-01-31 15:00:00.",
            "2024-01-31 15:00:00.1234567890",
            "2024-01-31 15:00:00 +00:00",
            "2024-01-31 15:00:00+15:00",
            "2024-01-31 15:00:00+1",
            "2024-01-31 15:00:00Zx",
            "2024-01-31Z",
            "0001-01-01 00:00+01:00",
            "now",
        ] {
            assert_eq!(stored(text), None, "{text}");
        }
    }
}
