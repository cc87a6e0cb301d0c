//! The checks before a filter becomes a job: its size, and filters that match every memory without
//! saying so.

use super::value::TWO_TO_63;
use super::{Bounds, Filter, Path, Scalar};

/// The most levels of nested filters.
// The default of Lucene's own parsers, and far from a stack overflow.
pub const NESTING: usize = 20;

/// The most values, ids and bounds in a filter.
// OpenSearch's `index.max_terms_count`.
pub const TERMS: usize = 65_536;

/// The most filters in a filter.
// OpenSearch's `indices.query.bool.max_clause_count`; each is a condition of the statement.
pub const CLAUSES: usize = 1_024;

/// The most names that lead into JSON.
// OpenSearch's `index.mapping.depth.limit` is 20; each is a join in SQLite.
pub const STEPS: usize = 16;

/// The reason why a filter is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It nests too deep.
    #[error("filters may nest at most {NESTING} deep")]
    Deep,
    /// It names too many values.
    #[error("a filter may name at most {TERMS} values")]
    ManyTerms,
    /// It is made of too many filters.
    #[error("a filter may be made of at most {CLAUSES} conditions")]
    ManyClauses,
    /// A path is too long, or holds an empty name.
    #[error("a path into JSON has at most {STEPS} names, none of them empty")]
    BadPath,
    /// A list of filters is empty.
    #[error("write at least one condition: an empty list would match every memory, or none")]
    Empty,
    /// None of the alternatives has to match.
    #[error("at least one of the alternatives has to match")]
    NoneNeeded,
    /// A range has no bound.
    #[error("give at least one bound of the range")]
    Unbounded,
    /// A range has a bound that has no order, or bounds of different types.
    #[error("write bounds that are all numbers, or all texts")]
    BadBound,
    /// The text that values must contain is empty.
    #[error("write at least one character: every text contains an empty text")]
    NoText,
    /// A number is not finite.
    #[error("write a finite number")]
    NotFinite,
    /// A number is so large that reading it may have rounded it. A column may hold such numbers exactly, so a bound
    /// would move.
    #[error("write numbers between -2^63 and 2^63: larger ones would be rounded")]
    Rounded,
    /// A value has the character U+0000. PostgreSQL compares no text with it, so a negation would match every memory.
    #[error("leave the character U+0000 out of values")]
    Nul,
    /// It matches every memory and does not say so.
    #[error("this matches every memory: if that is meant, write the filter for all memories")]
    Everything,
}

/// The sizes so far.
#[derive(Default)]
struct Size {
    terms: usize,
    clauses: usize,
}

impl Filter {
    /// Checks a filter before it becomes a job.
    ///
    /// # Errors
    ///
    /// The change to make. The text holds nothing of the filter.
    pub fn check(&self) -> Result<(), FilterError> {
        self.measure(1, &mut Size::default())?;
        if self.constant() == Some(true) && !self.says_all() {
            return Err(FilterError::Everything);
        }
        Ok(())
    }

    fn measure(&self, depth: usize, size: &mut Size) -> Result<(), FilterError> {
        if depth > NESTING {
            return Err(FilterError::Deep);
        }
        size.clauses += 1;
        match self {
            Self::All | Self::Nothing => {}
            Self::And(parts) | Self::Or { any: parts, .. } => {
                if parts.is_empty() {
                    return Err(FilterError::Empty);
                }
                if matches!(self, Self::Or { at_least: 0, .. }) {
                    return Err(FilterError::NoneNeeded);
                }
                parts.iter().try_for_each(|part| part.measure(depth + 1, size))?;
            }
            Self::Not(part) => part.measure(depth + 1, size)?,
            Self::Ids(ids) => size.terms += ids.len(),
            Self::OneOf { path, values } => {
                path.check()?;
                values.iter().try_for_each(Scalar::check)?;
                size.terms += values.len();
            }
            Self::Range { path, bounds } => {
                path.check()?;
                size.terms += bounds.check()?;
            }
            Self::Text { path, text, .. } => {
                path.check()?;
                if text.is_empty() {
                    return Err(FilterError::NoText);
                }
                if text.contains('\0') {
                    return Err(FilterError::Nul);
                }
                size.terms += 1;
            }
            Self::Exists(path) | Self::Opaque(path) => path.check()?,
        }
        if size.terms > TERMS {
            return Err(FilterError::ManyTerms);
        }
        if size.clauses > CLAUSES {
            return Err(FilterError::ManyClauses);
        }
        Ok(())
    }

    /// Returns the result that is the same for every memory, with any content.
    pub fn constant(&self) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::Nothing => Some(false),
            Self::Ids(ids) => ids.is_empty().then_some(false),
            Self::OneOf { values, .. } => values.is_empty().then_some(false),
            Self::Range { .. } | Self::Text { .. } | Self::Exists(_) | Self::Opaque(_) => None,
            Self::Not(part) => part.constant().map(|constant| !constant),
            Self::And(parts) => Self::at_least(parts, parts.len()),
            Self::Or { any, at_least } => Self::at_least(any, usize::try_from(*at_least).unwrap_or(usize::MAX)),
        }
    }

    fn at_least(parts: &[Self], needed: usize) -> Option<bool> {
        let constants: Vec<Option<bool>> = parts.iter().map(Self::constant).collect();
        let count = |wanted| constants.iter().filter(|constant| **constant == wanted).count();
        let (surely, open) = (count(Some(true)), count(None));
        if surely >= needed {
            Some(true)
        } else if surely + open < needed {
            Some(false)
        } else {
            None
        }
    }
}

impl Path {
    fn check(&self) -> Result<(), FilterError> {
        let bad = |name: &String| name.is_empty() || name.contains('\0');
        if self.steps.len() > STEPS || bad(&self.column) || self.steps.iter().any(bad) {
            return Err(FilterError::BadPath);
        }
        Ok(())
    }
}

impl Scalar {
    fn check(&self) -> Result<(), FilterError> {
        match self {
            Self::Float(number) if !number.is_finite() => Err(FilterError::NotFinite),
            Self::Float(number) if number.abs() >= TWO_TO_63 => Err(FilterError::Rounded),
            Self::Text(text) if text.contains('\0') => Err(FilterError::Nul),
            Self::Float(_) | Self::Integer(_) | Self::Bool(_) | Self::Text(_) => Ok(()),
        }
    }
}

impl Bounds {
    /// Returns the number of bounds.
    fn check(&self) -> Result<usize, FilterError> {
        match &self.moments {
            Some(moments) if self.given().next().is_none() => moments.check_given(),
            // Without bounds of its own, `moments` matches no moment.
            Some(moments) if moments.given().next().is_some() => Ok(moments.check_given()? + self.check_given()?),
            _ => self.check_given(),
        }
    }

    fn check_given(&self) -> Result<usize, FilterError> {
        let (mut texts, mut numbers) = (0, 0);
        for (_, bound) in self.given() {
            bound.check()?;
            match bound {
                Scalar::Text(_) => texts += 1,
                Scalar::Integer(_) | Scalar::Float(_) => numbers += 1,
                Scalar::Bool(_) => return Err(FilterError::BadBound),
            }
        }
        match (texts, numbers) {
            (0, 0) => Err(FilterError::Unbounded),
            (0, n) | (n, 0) => Ok(n),
            _ => Err(FilterError::BadBound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Has;
    use super::*;

    fn user(values: &[&str]) -> Filter {
        Filter::OneOf {
            path: Path::column("user_id"),
            values: values.iter().map(|value| Scalar::from(*value)).collect(),
        }
    }

    fn not(filter: Filter) -> Filter {
        Filter::Not(Box::new(filter))
    }

    fn any(any: Vec<Filter>, at_least: u32) -> Filter {
        Filter::Or { any, at_least }
    }

    fn range(bounds: Bounds) -> Filter {
        Filter::Range {
            path: Path::column("n"),
            bounds,
        }
    }

    #[test]
    fn everything_has_to_be_said() {
        for said in [
            Filter::All,
            Filter::All.and(user(&["ana"])),
            any(vec![Filter::All, user(&["ana"])], 1),
        ] {
            assert_eq!(said.check(), Ok(()));
        }
        for (meant, why) in [
            (Filter::And(Vec::new()), FilterError::Empty),
            (any(Vec::new(), 1), FilterError::Empty),
            (any(vec![user(&["ana"])], 0), FilterError::NoneNeeded),
            (not(Filter::Nothing), FilterError::Everything),
            (not(user(&[])), FilterError::Everything),
            (not(Filter::Ids(Vec::new())), FilterError::Everything),
            (any(vec![not(user(&[])), user(&["ana"])], 1), FilterError::Everything),
            (not(any(vec![user(&["ana"])], 2)), FilterError::Everything),
            (range(Bounds::default()), FilterError::Unbounded),
            (
                Filter::Text {
                    path: Path::column("user_id"),
                    has: Has::Part,
                    text: String::new(),
                },
                FilterError::NoText,
            ),
        ] {
            assert_eq!(meant.check(), Err(why));
        }
        for nothing in [
            Filter::Nothing,
            user(&[]),
            Filter::Nothing.and(user(&["ana"])),
            not(user(&["ana"])),
        ] {
            assert_eq!(nothing.check(), Ok(()));
        }
    }

    #[test]
    fn sizes_have_limits() {
        let nested = |n: usize| (1..n).fold(user(&["ana"]), |inner, _| not(inner));
        assert_eq!(nested(NESTING).check(), Ok(()));
        assert_eq!(nested(NESTING + 1).check(), Err(FilterError::Deep));
        assert_eq!(user(&vec!["x"; TERMS]).check(), Ok(()));
        assert_eq!(user(&vec!["x"; TERMS + 1]).check(), Err(FilterError::ManyTerms));
        assert_eq!(any(vec![user(&["x"]); CLAUSES - 1], 1).check(), Ok(()));
        assert_eq!(
            any(vec![user(&["x"]); CLAUSES], 1).check(),
            Err(FilterError::ManyClauses)
        );
        let path = |steps: Vec<&str>| {
            Filter::Exists(Path {
                column: "meta".to_owned(),
                steps: steps.into_iter().map(str::to_owned).collect(),
            })
        };
        assert_eq!(path(vec!["a"; STEPS]).check(), Ok(()));
        for bad in [vec!["a"; STEPS + 1], vec![""], vec!["a", "\0"]] {
            assert_eq!(path(bad).check(), Err(FilterError::BadPath));
        }
    }

    #[test]
    fn a_value_that_no_text_of_a_database_has_is_refused() {
        let above = Bounds {
            gte: Some(Scalar::from("a\0")),
            ..Bounds::default()
        };
        let day = Bounds {
            moments: Some(Box::new(above.clone())),
            ..Bounds::default()
        };
        let text = Filter::Text {
            path: Path::column("user_id"),
            has: Has::Prefix,
            text: "\0".to_owned(),
        };
        for asked in [user(&["ana", "a\0"]), range(above), range(day), text] {
            assert_eq!(asked.check(), Err(FilterError::Nul));
            // The database would be asked for nothing, and its negation for everything.
            assert_eq!(not(asked).and(user(&["ana"])).check(), Err(FilterError::Nul));
        }
    }

    #[test]
    fn the_bounds_of_a_range_are_of_one_type_that_has_an_order() {
        let bounds = |gt, lt| {
            range(Bounds {
                gt: Some(gt),
                lt: Some(lt),
                ..Bounds::default()
            })
        };
        assert_eq!(bounds(Scalar::Integer(1), Scalar::Float(2.5)).check(), Ok(()));
        assert_eq!(bounds(Scalar::from("a"), Scalar::from("b")).check(), Ok(()));
        assert_eq!(bounds(Scalar::Integer(i64::MIN), Scalar::Float(9.2e18)).check(), Ok(()));
        for (bad, why) in [
            (bounds(Scalar::Integer(1), Scalar::from("b")), FilterError::BadBound),
            (bounds(Scalar::Bool(true), Scalar::Bool(true)), FilterError::BadBound),
            (
                bounds(Scalar::Float(f64::NAN), Scalar::Integer(1)),
                FilterError::NotFinite,
            ),
        ] {
            assert_eq!(bad.check(), Err(why));
        }
    }

    #[test]
    fn a_number_that_reading_rounds_is_refused() {
        for number in ["18446744073709551617", "-9223372036854775809", "1e19"] {
            let value: Scalar = serde_json::from_str(number).unwrap();
            let equal = Filter::OneOf {
                path: Path::column("n"),
                values: vec![value.clone()],
            };
            let below = range(Bounds {
                lt: Some(value),
                ..Bounds::default()
            });
            for asked in [equal, below] {
                assert_eq!(not(asked.clone()).check(), Err(FilterError::Rounded), "{number}");
                assert_eq!(asked.check(), Err(FilterError::Rounded), "{number}");
            }
        }
    }
}
