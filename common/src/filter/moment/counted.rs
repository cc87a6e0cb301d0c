//! Numbers that count units since 1970.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use crate::filter::Comparison;

/// The unit of a column of numbers that count since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Display, EnumString)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[strum(serialize_all = "lowercase")]
pub enum Unit {
    /// Seconds, maybe with a fraction.
    Seconds,
    /// Milliseconds, maybe with a fraction.
    Milliseconds,
}

impl TryFrom<String> for Unit {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map_err(|_| "write \"seconds\" or \"milliseconds\"")
    }
}

/// A moment as an exact number of units since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    nanoseconds: i128,
    /// The nanoseconds in one unit.
    unit: i128,
}

impl Counted {
    /// Returns a moment counted in a unit.
    pub fn new(at: Timestamp, unit: Unit) -> Self {
        Self {
            nanoseconds: at.as_nanosecond(),
            unit: match unit {
                Unit::Seconds => 1_000_000_000,
                Unit::Milliseconds => 1_000_000,
            },
        }
    }

    /// Returns the number, if it is whole.
    pub fn whole(self) -> Option<i64> {
        let exact = self.nanoseconds.rem_euclid(self.unit) == 0;
        exact.then(|| self.floor())
    }

    /// Returns the greatest whole number at or below it.
    pub fn floor(self) -> i64 {
        // In the years 1 to 9999 both units fit into 64 bits.
        i64::try_from(self.nanoseconds.div_euclid(self.unit)).unwrap_or(i64::MAX)
    }

    /// Returns all its digits.
    pub fn digits(self) -> String {
        let places = if self.unit == 1_000_000_000 { 9 } else { 6 };
        let (whole, rest) = (self.nanoseconds.abs() / self.unit, self.nanoseconds.abs() % self.unit);
        let sign = if self.nanoseconds < 0 { "-" } else { "" };
        format!("{sign}{whole}.{rest:0places$}")
    }

    /// Returns the nearest floating-point number.
    pub fn nearest(self) -> f64 {
        // Digits with a point are always a number.
        self.digits().parse().unwrap_or(f64::NAN)
    }

    /// Returns the order of a floating-point number relative to it; `None` for NaN.
    pub fn compare_float(self, float: f64) -> Option<Ordering> {
        if float.is_nan() {
            return None;
        }
        // No moment is beyond 1e18.
        if float.abs() >= 1e18 {
            return float.partial_cmp(&self.nearest());
        }
        let (mantissa, exponent) = parts(float);
        // At most 83 bits.
        let (left, right) = (mantissa * self.unit, self.nanoseconds);
        let shift = exponent.unsigned_abs();
        Some(if exponent >= 0 {
            (left << shift).cmp(&right)
        } else if right == 0 || shift < right.unsigned_abs().leading_zeros() {
            left.cmp(&right.checked_shl(shift).unwrap_or(0))
        } else {
            // Shifted, the moment has more than 127 bits. So it is further from 0 than the float.
            0_i128.cmp(&right)
        })
    }

    /// Returns the order of a whole number relative to it.
    pub fn compare_whole(self, whole: i128) -> Ordering {
        whole.saturating_mul(self.unit).cmp(&self.nanoseconds)
    }

    /// Returns the comparison of whole numbers that is equivalent to `comparison` with this moment.
    pub fn for_whole(self, comparison: Comparison) -> (Comparison, i64) {
        use Comparison::{Gt, Gte, Lt, Lte};
        let comparison = match (self.whole(), comparison) {
            (Some(_), comparison) => comparison,
            (None, Lt | Lte) => Lte,
            (None, Gt | Gte) => Gt,
        };
        (comparison, self.floor())
    }

    /// Returns the comparison of floating-point and whole numbers that is equivalent to `comparison` with
    /// this moment.
    pub fn for_float(self, comparison: Comparison) -> (Comparison, f64) {
        use Comparison::{Gt, Gte, Lt, Lte};
        let near = self.nearest();
        // No other number lies between the two.
        let comparison = match (self.compare_float(near), comparison) {
            (Some(Ordering::Less), Lt | Lte) => Lte,
            (Some(Ordering::Less), Gt | Gte) => Gt,
            (Some(Ordering::Greater), Lt | Lte) => Lt,
            (Some(Ordering::Greater), Gt | Gte) => Gte,
            (Some(Ordering::Equal) | None, comparison) => comparison,
        };
        (comparison, near)
    }
}

/// Returns a finite number as a whole number and the exponent of a power of two.
fn parts(float: f64) -> (i128, i32) {
    let bits = float.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or_default();
    let fraction = i128::from(bits & ((1 << 52) - 1));
    let mantissa = if exponent == 0 {
        fraction << 1
    } else {
        fraction | 1 << 52
    };
    let signed = if float.is_sign_negative() { -mantissa } else { mantissa };
    (signed, exponent - 1_075)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_is_counted_exactly() {
        use Comparison::{Gt, Gte, Lt, Lte};
        let counted = |text: &str, unit| Counted::new(at(text), unit);
        let half = counted("1970-01-01T00:00:01.5Z", Unit::Seconds);
        assert_eq!((half.whole(), half.floor()), (None, 1));
        assert_eq!(half.for_whole(Lt), (Lte, 1));
        assert_eq!(half.for_whole(Gte), (Gt, 1));
        assert_eq!(half.for_float(Lt), (Lt, 1.5));
        assert_eq!(half.digits(), "1.500000000");
        let before = counted("1969-12-31T23:59:58.5Z", Unit::Milliseconds);
        assert_eq!(
            (before.whole(), before.digits()),
            (Some(-1_500), "-1500.000000".to_owned())
        );
        // One tenth is no float: the nearest one is greater.
        let tenth = counted("1970-01-01T00:00:00.1Z", Unit::Seconds);
        assert_eq!(tenth.compare_float(0.1), Some(Ordering::Greater));
        assert_eq!(tenth.for_float(Lte), (Lt, 0.1));
        assert_eq!(tenth.for_float(Gt), (Gte, 0.1));
        for (float, expected) in [
            (f64::INFINITY, Some(Ordering::Greater)),
            (f64::MIN, Some(Ordering::Less)),
            (1e-300, Some(Ordering::Less)),
            (f64::NAN, None),
        ] {
            assert_eq!(tenth.compare_float(float), expected);
        }
        assert_eq!(tenth.compare_whole(i128::MAX), Ordering::Greater);
    }

    #[test]
    fn a_float_near_zero_is_near_zero() {
        for (text, expected) in [
            ("2026-01-01T00:00:00Z", Ordering::Less),
            ("1970-01-01T00:00:00Z", Ordering::Greater),
            ("1953-01-01T00:00:00Z", Ordering::Greater),
        ] {
            for float in [f64::MIN_POSITIVE / 4.0, 1e-300, 1e-12, 1e-9, 6e-5] {
                for unit in [Unit::Seconds, Unit::Milliseconds] {
                    let counted = Counted::new(at(text), unit);
                    assert_eq!(counted.compare_float(float), Some(expected), "{text} {float:e}");
                    assert_eq!(counted.compare_float(0.0), 0.0_f64.partial_cmp(&counted.nearest()));
                }
            }
        }
    }

    fn moments() -> impl Strategy<Value = Timestamp> {
        let all = Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond();
        prop_oneof![all, -10_i128..=10, -10_000_000_000_i128..=10_000_000_000]
            .prop_map(|nanoseconds| Timestamp::from_nanosecond(nanoseconds).unwrap())
    }

    fn floats() -> impl Strategy<Value = f64> {
        let of_magnitude = (-320.0..20.0_f64, any::<bool>());
        let of_magnitude = of_magnitude.prop_map(|(exponent, negative)| {
            let float = 10.0_f64.powf(exponent);
            if negative { -float } else { float }
        });
        prop_oneof![proptest::num::f64::ANY, of_magnitude]
    }

    proptest! {
        #[test]
        fn every_float_but_the_nearest_is_on_the_same_side_as_it(
            at in moments(),
            unit in prop_oneof![Just(Unit::Seconds), Just(Unit::Milliseconds)],
            float in floats(),
        ) {
            let counted = Counted::new(at, unit);
            // The moment lies between the nearest float and the middle to the next one.
            let order = float.partial_cmp(&counted.nearest());
            if order != Some(Ordering::Equal) {
                prop_assert_eq!(counted.compare_float(float), order);
            }
        }
    }
}
