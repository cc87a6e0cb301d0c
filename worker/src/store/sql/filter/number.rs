//! Bounds of another number type than the values, converted so that the comparison is exact.
//!
//! A database that compares a whole number with a floating-point one converts both to the latter,
//! which has 53 bits for 64.

use std::cmp::Ordering;

use lethe_common::filter::Comparison;

// Far beyond every whole number that a database compares exactly, and short enough for a decimal of
// 65 digits.
const FARTHEST: f64 = 1e60;

/// A bound, converted to another number type.
#[derive(Debug, PartialEq)]
pub(super) enum Moved<T> {
    /// A value is within it if this comparison is true.
    To(Comparison, T),
    /// Every value is within it.
    Always,
    /// No value is within it.
    Never,
}

/// Returns a floating-point bound as a bound for whole numbers, in digits.
pub(super) fn for_whole(comparison: Comparison, bound: f64) -> Moved<String> {
    use Comparison::{Gt, Gte, Lt, Lte};
    let below = matches!(comparison, Lt | Lte);
    if bound.abs() >= FARTHEST {
        return if below == (bound > 0.0) {
            Moved::Always
        } else {
            Moved::Never
        };
    }
    let digits = format!("{:.0}", bound.floor());
    match comparison {
        _ if bound.fract() == 0.0 => Moved::To(comparison, digits),
        Lt | Lte => Moved::To(Lte, digits),
        Gt | Gte => Moved::To(Gt, digits),
    }
}

/// Returns a whole bound as a bound for floating-point numbers.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "which way it was rounded is looked at; a float of 64 bits or so fits"
)]
pub(super) fn for_float(comparison: Comparison, bound: i64) -> (Comparison, f64) {
    use Comparison::{Gt, Gte, Lt, Lte};
    let near = bound as f64;
    // No other float lies between the two.
    let comparison = match ((near as i128).cmp(&i128::from(bound)), comparison) {
        (Ordering::Equal, comparison) => comparison,
        (Ordering::Greater, Lt | Lte) => Lt,
        (Ordering::Greater, Gt | Gte) => Gte,
        (Ordering::Less, Lt | Lte) => Lte,
        (Ordering::Less, Gt | Gte) => Gt,
    };
    (comparison, near)
}

/// Returns the floating-point number that equals this whole one, if there is one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "whether it was rounded is looked at"
)]
pub(super) fn as_float(number: i64) -> Option<f64> {
    let near = number as f64;
    (near as i128 == i128::from(number)).then_some(near)
}

/// Returns the digits of a whole floating-point number, if it is in the range of whole numbers that are
/// compared.
pub(super) fn as_whole(number: f64) -> Option<String> {
    (number.fract() == 0.0 && number.abs() < FARTHEST).then(|| {
        // No database writes `-0`.
        if number == 0.0 {
            "0".to_owned()
        } else {
            format!("{number:.0}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_between_two_whole_numbers_is_one_of_them() {
        use Comparison::{Gt, Gte, Lt, Lte};
        let to = |comparison, digits: &str| Moved::To(comparison, digits.to_owned());
        assert_eq!(for_whole(Lt, 1.5), to(Lte, "1"));
        assert_eq!(for_whole(Gte, 1.5), to(Gt, "1"));
        assert_eq!(for_whole(Lt, -1.5), to(Lte, "-2"));
        assert_eq!(for_whole(Gte, 7.0), to(Gte, "7"));
        assert_eq!(for_whole(Gt, 9_007_199_254_740_992.0), to(Gt, "9007199254740992"));
        assert_eq!(for_whole(Lt, 1e300), Moved::Always);
        assert_eq!(for_whole(Gt, 1e300), Moved::Never);
        assert_eq!(for_whole(Gt, -1e300), Moved::Always);
    }

    #[test]
    fn a_whole_bound_between_two_floats_is_one_of_them() {
        use Comparison::{Gt, Gte, Lt, Lte};
        let odd = 9_007_199_254_740_993;
        assert_eq!(for_float(Lte, odd), (Lte, 9_007_199_254_740_992.0));
        assert_eq!(for_float(Gte, odd), (Gt, 9_007_199_254_740_992.0));
        assert_eq!(for_float(Lte, i64::MAX), (Lt, 9_223_372_036_854_775_808.0));
        assert_eq!(for_float(Gt, i64::MAX), (Gte, 9_223_372_036_854_775_808.0));
        assert_eq!(for_float(Lt, 7), (Lt, 7.0));
        assert_eq!(
            (as_float(odd), as_float(i64::MIN)),
            (None, Some(-9_223_372_036_854_775_808.0))
        );
    }
}
