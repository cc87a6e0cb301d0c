//! Reads the values of a filter by the type of the column, before any comparison.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Scalar, Unit};

/// The type of a column, as far as filters need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Texts.
    Text,
    /// UUIDs.
    Uuid,
    /// Bytes, as hexadecimal digits.
    Bytes {
        /// Whether a UUID is read as its bytes.
        uuids: bool,
    },
    /// Whole numbers of this many bits.
    Integer(u32),
    /// Floating-point numbers of 64 bits.
    Float,
    /// Numbers, exact.
    Number,
    /// True and false.
    Bool,
    /// Moments.
    Time,
    /// Numbers that count since 1970.
    Counted(Unit),
    /// JSON.
    Json,
    /// Values of any type, each with its own.
    Any,
}

impl Scalar {
    /// Returns the value as a column of this type holds it, or `None` if it cannot. Nothing is equal to
    /// such a value.
    ///
    /// Texts are read like ids and owners: a number as the database writes it, a UUID in any spelling.
    /// Moments stay as written.
    pub fn read(&self, of: Type) -> Option<Self> {
        if matches!(self, Self::Text(text) if text.contains('\0')) {
            // A text in PostgreSQL cannot hold NUL.
            return None;
        }
        match (of, self) {
            (Type::Json | Type::Any, value)
            | (Type::Text, value @ Self::Text(_))
            | (Type::Number | Type::Counted(_), value @ (Self::Integer(_) | Self::Float(_)))
            | (Type::Bool, value @ Self::Bool(_)) => Some(value.clone()),
            (Type::Text, Self::Integer(number)) => Some(Self::Text(number.to_string())),
            (Type::Text, Self::Bool(value)) => Some(Self::Text(value.to_string())),
            (Type::Uuid, Self::Text(text)) => Uuid::try_parse(text).ok().map(|id| Self::Text(id.to_string())),
            (Type::Bytes { uuids }, Self::Text(text)) => bytes_text(text, uuids).map(Self::Text),
            (Type::Integer(bits), value) => {
                let number = value.whole()?;
                let fits = bits >= 64 || (-(1_i64 << (bits - 1))..1_i64 << (bits - 1)).contains(&number);
                fits.then_some(Self::Integer(number))
            }
            (Type::Number, value @ Self::Text(_)) => value.whole().map(Self::Integer),
            (Type::Float, value) => value.float().map(Self::Float),
            (Type::Bool, Self::Text(text)) => text.parse().ok().map(Self::Bool),
            (Type::Time, value) => value.as_moment().map(|_| value.clone()),
            (Type::Counted(_), value @ Self::Text(_)) => {
                let number = value.whole().map(Self::Integer);
                number.or_else(|| value.as_moment().map(|_| value.clone()))
            }
            (Type::Text, Self::Float(_))
            | (Type::Uuid | Type::Bytes { .. } | Type::Bool, _)
            | (Type::Number | Type::Counted(_), Self::Bool(_)) => None,
        }
    }

    /// Returns the value in the form of an id; `None` if it cannot be one.
    pub fn into_id(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(number) => Some(number.to_string()),
            Self::Float(_) | Self::Bool(_) => None,
        }
    }

    /// Returns the value as a bound of a range over a column of this type, or `None` if it cannot be
    /// compared. No value is within such a bound.
    pub fn read_bound(&self, of: Type) -> Option<Self> {
        match (of, self) {
            // A bound beyond the column's range still has an order.
            (Type::Integer(_), Self::Integer(_) | Self::Float(_)) => Some(self.clone()),
            (Type::Integer(_), Self::Text(_)) => self.read(Type::Integer(64)),
            // As texts, 10 comes before 9.
            (Type::Text, Self::Integer(_) | Self::Bool(_)) | (Type::Bool, _) => None,
            _ => self.read(of),
        }
    }

    /// Returns whether it is a number, or a text that writes one.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Float(_)) || self.whole().is_some()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole float between the bounds is a whole number of 64 bits"
    )]
    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Float(number) => {
                // 2^63 is a float, and too large by one.
                let fits = number.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(number);
                fits.then_some(*number as i64)
            }
            Self::Text(text) => text.parse().ok().filter(|number: &i64| number.to_string() == *text),
            Self::Bool(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "the column holds no more than 53 bits either")]
    fn float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Integer(_) | Self::Text(_) => self.whole().map(|number| number as f64),
            Self::Bool(_) => None,
        }
    }
}

pub(super) const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Reads a moment in RFC 3339, or a date or a date and time, which are UTC.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let utc = |at: DateTime| at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    let at = text.parse::<Timestamp>().ok();
    at.or_else(|| text.parse::<DateTime>().ok().and_then(utc))
        .or_else(|| text.parse::<Date>().ok().and_then(|date| utc(date.at(0, 0, 0, 0))))
}

/// Returns bytes as hexadecimal digits in lower case. They are written as hexadecimal digits or, with `uuids`, as a
/// UUID. `None` for other texts, and for no bytes.
pub fn bytes_text(text: &str, uuids: bool) -> Option<String> {
    if uuids && text.contains('-') {
        return Uuid::try_parse(text).ok().map(|id| id.simple().to_string());
    }
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_hex && !text.is_empty()).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Scalar, of: Type) -> Option<String> {
        value.read(of).map(|value| serde_json::to_string(&value).unwrap())
    }

    #[test]
    fn a_value_is_read_as_the_column_holds_it() {
        let text = |text: &str| Scalar::from(text);
        for (value, of, expected) in [
            (text("a"), Type::Text, Some("\"a\"")),
            (Scalar::Integer(7), Type::Text, Some("\"7\"")),
            (Scalar::Float(7.5), Type::Text, None),
            (text("a\0"), Type::Text, None),
            (text("a\0"), Type::Json, None),
            (text("7"), Type::Integer(16), Some("7")),
            (text("007"), Type::Integer(64), None),
            (Scalar::Integer(32_767), Type::Integer(16), Some("32767")),
            (Scalar::Integer(32_768), Type::Integer(16), None),
            (Scalar::Integer(-32_769), Type::Integer(16), None),
            (Scalar::Float(7.0), Type::Integer(32), Some("7")),
            (Scalar::Float(7.5), Type::Integer(32), None),
            (Scalar::Float(1e300), Type::Integer(64), None),
            (Scalar::Float(TWO_TO_63), Type::Integer(64), None),
            (
                Scalar::Float(-TWO_TO_63),
                Type::Integer(64),
                Some("-9223372036854775808"),
            ),
            (Scalar::Integer(7), Type::Float, Some("7.0")),
            (text("true"), Type::Bool, Some("true")),
            (Scalar::Integer(1), Type::Bool, None),
            (Scalar::Integer(7), Type::Json, Some("7")),
            (text("7"), Type::Json, Some("\"7\"")),
            (Scalar::Integer(1_000), Type::Time, Some("1000")),
            (Scalar::Integer(i64::MAX), Type::Time, None),
            (text("2024-01-02"), Type::Counted(Unit::Seconds), Some("\"2024-01-02\"")),
            (text("7"), Type::Counted(Unit::Seconds), Some("7")),
            (Scalar::Float(7.5), Type::Counted(Unit::Seconds), Some("7.5")),
            (text("x"), Type::Counted(Unit::Seconds), None),
            (
                text("0190A0A0-0000-7000-8000-00000000000A"),
                Type::Uuid,
                Some("\"0190a0a0-0000-7000-8000-00000000000a\""),
            ),
            (text("x"), Type::Uuid, None),
        ] {
            assert_eq!(read(&value, of).as_deref(), expected, "{of:?}");
        }
    }

    #[test]
    fn bytes_are_read_as_digits_and_as_a_uuid_where_it_is_one() {
        let digits = Some("0190a0a000007000800000000000000a".to_owned());
        assert_eq!(bytes_text("0190A0A0-0000-7000-8000-00000000000A", true), digits);
        assert_eq!(bytes_text("0190A0A0-0000-7000-8000-00000000000A", false), None);
        assert_eq!(bytes_text("0190a0a000007000800000000000000A", false), digits);
        assert_eq!(bytes_text("FF00", true).as_deref(), Some("ff00"));
        for text in ["", "f", "0x00", "zz", "0190-a0a0", "é0"] {
            assert_eq!(bytes_text(text, true), None, "{text}");
        }
    }

    #[test]
    fn a_bound_may_lie_beyond_what_the_column_holds() {
        assert!(Scalar::Integer(70_000).read_bound(Type::Integer(16)).is_some());
        assert!(Scalar::Float(0.5).read_bound(Type::Integer(16)).is_some());
        assert!(Scalar::Integer(9).read_bound(Type::Text).is_none());
        assert!(Scalar::from("x").read_bound(Type::Integer(16)).is_none());
    }

    #[test]
    fn a_moment_is_read_in_every_spelling() {
        let at = |text: &str| Scalar::from(text).as_moment().map(Timestamp::as_microsecond);
        for text in [
            "2024-01-02T03:04:05Z",
            "2024-01-02T04:04:05+01:00",
            "2024-01-02T03:04:05",
            "2024-01-02 03:04:05",
        ] {
            assert_eq!(at(text), Some(1_704_164_645_000_000), "{text}");
        }
        assert_eq!(at("2024-01-02"), Some(1_704_153_600_000_000));
        for text in ["", "now", "2024", "2024-13-01", "99999999"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
