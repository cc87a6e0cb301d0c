//! The pace of a job: the most memories that it may erase in a second, as callers write it. Any number above 0.

use std::fmt;

use lethe_common::ledger::SLOWEST;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Number;

use crate::http::problem::Problem;

/// The numbers that a caller may write, for errors.
const WRITE: &str = "a number above 0, of at most 4294967295";

/// The greatest pace. A greater one would slow down nothing.
const FASTEST: f64 = 4_294_967_295.0;

/// A pace, in memories a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate(f64);

impl Rate {
    fn new(per_second: f64) -> Option<Self> {
        (per_second > 0.0 && per_second <= FASTEST).then(|| Self(per_second.max(SLOWEST)))
    }

    /// Reads a parameter.
    pub(crate) fn of_text(text: &str) -> Result<Self, Problem> {
        let rate = text.parse().ok().and_then(Self::new);
        rate.ok_or_else(|| Problem::invalid("per_second", format_args!("write {WRITE}")))
    }
}

impl From<Rate> for f64 {
    fn from(Rate(per_second): Rate) -> Self {
        per_second
    }
}

/// Returns a pace as a JSON number, without a fraction if it is whole.
pub(crate) fn number(per_second: f64) -> Option<Number> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and below 2^53, and never negative"
    )]
    let whole = (per_second.fract() == 0.0 && per_second < 9e15).then(|| Number::from(per_second as u64));
    whole.or_else(|| Number::from_f64(per_second))
}

// The same number is the same request, whether it is written `7` or `7.0`.
impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        number(self.0).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_f64(OfNumber)
    }
}

struct OfNumber;

impl Visitor<'_> for OfNumber {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WRITE)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Rate, E> {
        Rate::new(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Rate, E> {
        let whole = u32::try_from(number).ok().and_then(|whole| Rate::new(whole.into()));
        whole.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_above_nothing_is_a_rate_and_is_written_as_it_was() {
        for (text, written) in [
            ("0.5", "0.5"),
            ("7", "7"),
            ("7.0", "7"),
            ("4294967295", "4294967295"),
            ("1e-300", "1e-9"),
        ] {
            let read: Rate = serde_json::from_str(text).unwrap();
            assert_eq!(Rate::of_text(text).unwrap(), read);
            assert_eq!(serde_json::to_string(&read).unwrap(), written);
        }
        for text in ["0", "0.0", "-1", "4294967296", "1e300", "\"1\"", "true", "null"] {
            assert!(serde_json::from_str::<Rate>(text).is_err(), "{text}");
        }
        for text in ["NaN", "inf", "", "x", "-0", "4294967295.5"] {
            assert!(Rate::of_text(text).is_err(), "{text}");
        }
    }
}
