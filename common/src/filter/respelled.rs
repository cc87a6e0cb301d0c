//! Other spellings of values, for a column of SQLite whose values have no common type.
//!
//! In such a column `true` may be the text `true` or the number 1, and 7 may be the text `7`. A comparison by the written
//! type alone would protect too little under a negation, where a match keeps a memory. So it also matches these there.

use super::{Bounds, Scalar};

impl Scalar {
    /// Returns the other spellings of the value, of other types.
    pub fn respelled(&self) -> Vec<Self> {
        match self {
            Self::Bool(value) => vec![Self::Text(value.to_string()), Self::Integer(i64::from(*value))],
            Self::Integer(number) => vec![Self::Text(number.to_string())],
            Self::Float(number) => vec![Self::Text(number.to_string())],
            Self::Text(text) => written(text).into_iter().collect(),
        }
    }
}

impl Bounds {
    /// Returns the bounds as numbers, if all of them are texts that write one.
    // Numbers as texts have another order, so numbers have no such bounds.
    #[must_use]
    pub fn in_numbers(&self) -> Option<Self> {
        let mut numbers = self.clone();
        let bounds = [&mut numbers.gt, &mut numbers.gte, &mut numbers.lt, &mut numbers.lte];
        for bound in bounds.into_iter().flatten() {
            *bound = match bound {
                Scalar::Text(text) => written(text)?,
                _ => return None,
            };
        }
        Some(numbers)
    }
}

/// Returns the number that a text writes.
fn written(text: &str) -> Option<Scalar> {
    let float = || text.parse().ok().filter(|number: &f64| number.is_finite());
    let whole = text.parse().ok().map(Scalar::Integer);
    whole.or_else(|| float().map(Scalar::Float))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_value_has_other_spellings() {
        for (value, others) in [
            (json!(true), json!(["true", 1])),
            (json!(false), json!(["false", 0])),
            (json!(7), json!(["7"])),
            (json!(7.5), json!(["7.5"])),
            (json!("7"), json!([7])),
            (json!("-1e3"), json!([-1_000.0])),
            (json!("ana"), json!([])),
            (json!("NaN"), json!([])),
            (json!("inf"), json!([])),
            (json!(""), json!([])),
        ] {
            let scalar: Scalar = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(json!(scalar.respelled()), others, "{value}");
        }
    }

    #[test]
    fn bounds_that_are_all_written_numbers_are_numbers() {
        for (texts, numbers) in [
            (json!({"gte": "7", "lt": "9.5"}), json!({"gte": 7, "lt": 9.5})),
            (json!({"gt": "7"}), json!({"gt": 7})),
            (json!({"gte": "7", "lt": "b"}), Value::Null),
            (json!({"lte": 9}), Value::Null),
        ] {
            let bounds: Bounds = serde_json::from_value(texts.clone()).unwrap();
            assert_eq!(json!(bounds.in_numbers()), numbers, "{texts}");
        }
    }
}
