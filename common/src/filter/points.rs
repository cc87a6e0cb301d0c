//! The check of filters for tables that have only points: the vector store's own filters must give the result
//! of [`Filter::matcher`] exactly. Other filters are refused before they become a job.
//!
//! A payload is JSON under any field name: every value has its own type.

use super::{Filter, Path, Scalar};

/// The most names that lead into a payload field.
// A list may stand at each place but the last. The store's paths say where a list stands, so each name
// doubles their number.
pub const POINT_STEPS: usize = 4;

/// The most conditions in one request to the store.
// With this many conditions, a linear check of a thousand points stays within a call's time limit.
pub const POINT_CONDITIONS: usize = 4_096;

/// From here on, some whole numbers are not floats.
const TWO_TO_53: f64 = 9_007_199_254_740_992.0;

/// The reason why a filter cannot be evaluated on points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointsError {
    /// It compares a part of a text.
    #[error(
        "this table has only vectors, and the vector store cannot compare parts of texts byte by byte: write whole values"
    )]
    Part,
    /// It compares texts by their order.
    #[error("this table has only vectors, and the vector store cannot order texts: write numbers as bounds")]
    Order,
    /// The store would round a number.
    #[error(
        "this table has only vectors, and the vector store compares numbers as floats: write numbers between -2^53 and 2^53"
    )]
    Number,
    /// A name or a text has a character that the store's paths or texts cannot have.
    #[error("this table has only vectors, and their store takes no quotation mark, backslash or NUL here")]
    Character,
    /// A path is too long.
    #[error("this table has only vectors: at most {POINT_STEPS} names lead into a field of their payload")]
    Deep,
    /// It needs too many conditions.
    #[error(
        "write a smaller filter: it needs more than {POINT_CONDITIONS} conditions in the vector store of this table"
    )]
    Many,
}

impl Filter {
    /// Refuses filters that the store cannot evaluate exactly on points.
    ///
    /// # Errors
    ///
    /// The change to make. The text holds nothing of the filter.
    pub fn check_points(&self) -> Result<(), PointsError> {
        if self.conditions()? > POINT_CONDITIONS {
            return Err(PointsError::Many);
        }
        Ok(())
    }

    /// Returns the number of conditions for the store.
    fn conditions(&self) -> Result<usize, PointsError> {
        match self {
            Self::All | Self::Nothing | Self::Ids(_) => Ok(1),
            Self::And(parts) | Self::Or { any: parts, .. } => {
                parts.iter().try_fold(1, |n, part| Ok(n + part.conditions()?))
            }
            Self::Not(part) => Ok(1 + part.conditions()?),
            Self::OneOf { path, values } => {
                values.iter().try_for_each(Scalar::check_points)?;
                let single = values.iter().filter(|value| !matches!(value, Scalar::Text(_))).count();
                Ok((1 + single) * path.point_paths()?)
            }
            Self::Range { path, bounds } => {
                if bounds.given().next().is_none() {
                    return Err(PointsError::Order);
                }
                for (_, bound) in bounds.given() {
                    if matches!(bound, Scalar::Text(_)) {
                        return Err(PointsError::Order);
                    }
                    bound.check_points()?;
                }
                path.point_paths()
            }
            Self::Text { .. } => Err(PointsError::Part),
            Self::Exists(path) | Self::Opaque(path) => path.point_paths(),
        }
    }
}

impl Scalar {
    fn check_points(&self) -> Result<(), PointsError> {
        let exact = match self {
            Self::Integer(number) => number.unsigned_abs() < 1 << 53,
            Self::Float(number) => number.abs() < TWO_TO_53,
            Self::Text(text) if text.contains('\0') => return Err(PointsError::Character),
            Self::Text(_) | Self::Bool(_) => true,
        };
        if exact { Ok(()) } else { Err(PointsError::Number) }
    }
}

impl Path {
    /// Returns the number of the store's paths that lead to the same values.
    fn point_paths(&self) -> Result<usize, PointsError> {
        if self.steps.len() > POINT_STEPS {
            return Err(PointsError::Deep);
        }
        let odd = |name: &String| name.contains(['"', '\\', '\0']);
        if odd(&self.column) || self.steps.iter().any(odd) {
            return Err(PointsError::Character);
        }
        Ok(1 << self.steps.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(filter: Value) -> Result<(), PointsError> {
        serde_json::from_value::<Filter>(filter).unwrap().check_points()
    }

    fn one_of(values: &Value) -> Value {
        json!({"one_of": {"path": ["meta", "a"], "values": values}})
    }

    #[test]
    fn what_the_store_says_exactly_may_be_asked() {
        for asked in [
            json!("all"),
            json!({"ids": ["a\0"]}),
            one_of(&json!([
                "x",
                true,
                1.5,
                9_007_199_254_740_991_i64,
                -9_007_199_254_740_991_i64
            ])),
            json!({"exists": ["a", "b", "c", "d", "e"]}),
            json!({"opaque": ["a", "b"]}),
            json!({"not": {"range": {"path": ["n"], "bounds": {"gt": 1, "lte": 2.5}}}}),
        ] {
            assert_eq!(check(asked.clone()), Ok(()), "{asked}");
        }
    }

    #[test]
    fn what_it_cannot_say_is_refused_wherever_it_is() {
        for (asked, why) in [
            (
                json!({"text": {"path": ["a"], "has": "prefix", "text": "x"}}),
                PointsError::Part,
            ),
            (
                json!({"text": {"path": ["a"], "has": "part", "text": "x"}}),
                PointsError::Part,
            ),
            (
                json!({"range": {"path": ["a"], "bounds": {"lt": "x"}}}),
                PointsError::Order,
            ),
            (
                json!({"range": {"path": ["a"], "bounds": {"moments": {"lt": 1}}}}),
                PointsError::Order,
            ),
            (one_of(&json!([9_007_199_254_740_992_i64])), PointsError::Number),
            (one_of(&json!([i64::MIN])), PointsError::Number),
            (one_of(&json!([1e300])), PointsError::Number),
            (
                json!({"range": {"path": ["a"], "bounds": {"lt": -9_007_199_254_740_992_i64}}}),
                PointsError::Number,
            ),
            (one_of(&json!(["a\0"])), PointsError::Character),
            (json!({"exists": ["a\""]}), PointsError::Character),
            (json!({"exists": ["a", "b\\"]}), PointsError::Character),
            (json!({"exists": ["a", "b", "c", "d", "e", "f"]}), PointsError::Deep),
        ] {
            assert_eq!(check(asked.clone()), Err(why), "{asked}");
            assert_eq!(check(json!({"not": asked})), Err(why), "{asked}");
            assert_eq!(check(json!({"and": ["all", asked]})), Err(why), "{asked}");
            assert_eq!(
                check(json!({"or": {"at_least": 1, "any": ["nothing", asked]}})),
                Err(why),
                "{asked}"
            );
        }
    }

    #[test]
    fn texts_of_a_list_are_one_condition_and_numbers_one_each() {
        let texts: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
        assert_eq!(check(one_of(&json!(texts))), Ok(()));
        let numbers = |n: usize| one_of(&json!((0..n).collect::<Vec<_>>()));
        assert_eq!(check(numbers(POINT_CONDITIONS / 2 - 1)), Ok(()));
        assert_eq!(check(numbers(POINT_CONDITIONS / 2)), Err(PointsError::Many));
    }
}
