//! Numbers that a float of 64 bits does not hold as they are written. Such a bound of a query would move, and the query
//! would select other memories.

/// The advice for such a number.
pub(crate) const INSTEAD: &str =
    "write numbers with at most 15 digits, or whole numbers without a point: others would be rounded";

/// The magnitude from which floats do not hold every whole number.
const TWO_TO_53: f64 = 9_007_199_254_740_992.0;

/// The magnitude from which a filter refuses every number.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Returns whether reading valid JSON rounds a number with a point or an exponent. Other numbers are read as whole ones.
pub(crate) fn is_rounded(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'"' => after_text(after),
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let end = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
                let (number, after) = rest.split_at(end);
                if str::from_utf8(number).is_ok_and(|literal| !is_kept(literal)) {
                    return true;
                }
                after
            }
            _ => after,
        };
    }
    false
}

/// Returns the rest of JSON after a text whose first quotation mark is read.
fn after_text(mut rest: &[u8]) -> &[u8] {
    loop {
        match rest {
            [b'"', after @ ..] => return after,
            [b'\\', _, after @ ..] | [_, after @ ..] => rest = after,
            [] => return rest,
        }
    }
}

fn is_kept(literal: &str) -> bool {
    let is_whole = !literal.contains(['.', 'e', 'E']);
    let Ok(number) = literal.parse::<f64>() else {
        return true;
    };
    if is_whole || number.abs() >= TWO_TO_63 {
        return true;
    }
    let sent = Decimal::of(literal);
    // The fewest digits that name the float. Below 2^53 a whole number has all of its digits.
    let is_named = sent == Decimal::of(&format!("{number:e}"));
    is_named && (number.abs() < TWO_TO_53 || sent == Decimal::of(&format!("{number:.0}")))
}

/// A decimal number in one spelling.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// The digits from the first to the last that is not zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    fn of(literal: &str) -> Self {
        let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
        let unsigned = mantissa.trim_start_matches('-');
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all = [whole, fraction].concat();
        let significant = all.trim_end_matches('0');
        let digits = significant.trim_start_matches('0');
        if digits.is_empty() {
            return Self {
                is_negative: false,
                digits: String::new(),
                exponent: 0,
            };
        }
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        // An exponent beyond 64 bits makes the float zero or infinite, which has other digits.
        let exponent = exponent.parse::<i64>().unwrap_or(0);
        Self {
            is_negative: mantissa.starts_with('-'),
            digits: digits.to_owned(),
            exponent: exponent
                .saturating_sub(length(fraction))
                .saturating_add(length(&all) - length(significant)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_rounded_if_its_float_has_other_digits() {
        for kept in [
            "0.1",
            "-0.0",
            "1.50e1",
            "1e17",
            "100000000000000000.0",
            "0.30000000000000004",
            "9007199254740992.0",
            "-4503.5e-3",
            "9007199254740993",
            "1e300",
            r#"{"9007199254740993.5": ["\"9007199254740993.5", "9.99999999999999999999", 2.5]}"#,
        ] {
            assert!(!is_rounded(kept.as_bytes()), "{kept}");
        }
        for rounded in [
            "9007199254740993.0",
            "-9007199254740993.5",
            "4503599627370497.25",
            "0.10000000000000000001",
            "123456789012345678.0",
            // The fewest digits of a float whose own digits are 36028797018963976.
            "36028797018963980.0",
            "1e-400",
            "1e-99999999999999999999",
            r#"{"a\\": [1, 9007199254740993.5]}"#,
        ] {
            assert!(is_rounded(rounded.as_bytes()), "{rounded}");
        }
    }
}
