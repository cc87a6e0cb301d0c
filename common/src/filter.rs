//! The filter of a job by query: one internal language for every query language.
//!
//! A filter is two-valued, as in search engines: a missing value matches nothing, and `Not` of that
//! matches. Of several values (a list in JSON) one that matches is enough. Texts compare byte by byte,
//! numbers as numbers. This module knows no database: workers compile filters into statements, and
//! tests measure these by [`Filter::matcher`].

mod check;
mod evaluate;
#[cfg(test)]
mod fuzz;
mod moment;
mod points;
mod respelled;
mod typed;
mod value;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use check::{CLAUSES, FilterError, NESTING, STEPS, TERMS};
pub use evaluate::Matcher;
pub use moment::{Counted, Stored, Unit, Zone, stored};
pub use points::{POINT_CONDITIONS, POINT_STEPS, PointsError};
pub use typed::{Asked, Mistyped};
pub use value::{Type, bytes_text};

/// The memories that a job selects.
// Values are personal data: no `Debug` with them.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Every memory. A filter that means this must say so.
    All,
    /// No memory.
    Nothing,
    /// The memories that match all of these.
    And(Vec<Filter>),
    /// The memories that match some of these.
    Or {
        /// The filters.
        any: Vec<Filter>,
        /// The number of filters that have to match.
        at_least: u32,
    },
    /// The memories that do not match this.
    Not(Box<Filter>),
    /// The memories with one of these ids.
    Ids(Vec<String>),
    /// The memories with a value that equals one of these.
    OneOf {
        /// The path of the value.
        path: Path,
        /// The values.
        values: Vec<Scalar>,
    },
    /// The memories with a value within bounds.
    Range {
        /// The path of the value.
        path: Path,
        /// The bounds.
        bounds: Bounds,
    },
    /// The memories with a text that has another text in it.
    Text {
        /// The path of the value.
        path: Path,
        /// The position of the other text.
        has: Has,
        /// The other text.
        text: String,
    },
    /// The memories with a value: one that is not null, at any depth of a list or an object.
    Exists(Path),
    /// The memories with an object, or a list in a list. Other conditions on the path do not see the values inside.
    Opaque(Path),
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(..)")
    }
}

impl Filter {
    /// Returns the filter of the memories that match both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::And(mut all) => {
                all.push(other);
                Self::And(all)
            }
            first => Self::And(vec![first, other]),
        }
    }

    /// Returns whether [`All`](Self::All) occurs in it.
    pub fn says_all(&self) -> bool {
        match self {
            Self::All => true,
            Self::And(parts) | Self::Or { any: parts, .. } => parts.iter().any(Self::says_all),
            Self::Not(part) => part.says_all(),
            Self::Nothing
            | Self::Ids(_)
            | Self::OneOf { .. }
            | Self::Range { .. }
            | Self::Text { .. }
            | Self::Exists(_)
            | Self::Opaque(_) => false,
        }
    }
}

/// The position of a text in another, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Has {
    /// At the beginning.
    Prefix,
    /// Anywhere.
    Part,
}

/// The path of a value: a real column of the table, and the names that lead into its JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Path {
    /// The column.
    pub column: String,
    /// The names; none: the column's own value.
    pub steps: Vec<String>,
}

// The names in JSON come from the caller.
impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({}, {})", self.column, self.steps.len())
    }
}

impl Path {
    /// Returns the path to a column's own value.
    pub fn column(name: impl Into<String>) -> Self {
        Self {
            column: name.into(),
            steps: Vec::new(),
        }
    }
}

impl TryFrom<Vec<String>> for Path {
    type Error = &'static str;

    fn try_from(names: Vec<String>) -> Result<Self, Self::Error> {
        let mut names = names.into_iter();
        let column = names.next().ok_or("a path begins with a column")?;
        Ok(Self {
            column,
            steps: names.collect(),
        })
    }
}

impl From<Path> for Vec<String> {
    fn from(path: Path) -> Self {
        std::iter::once(path.column).chain(path.steps).collect()
    }
}

/// A value in a filter.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A whole number of 64 bits.
    Integer(i64),
    /// A number; finite.
    Float(f64),
    /// A text.
    Text(String),
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scalar(..)")
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The bounds of a range; all given bounds must hold.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// More than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<Scalar>,
    /// This or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gte: Option<Scalar>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<Scalar>,
    /// This or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lte: Option<Scalar>,
    /// Whether they are one of several spellings, where the column's type takes one. If the column cannot be compared
    /// with this spelling, that is no error: no value is within.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loose: bool,
    /// The bounds for values that are compared as moments, if these differ: a day has a first and a last moment.
    /// Without other bounds only a column of moments can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moments: Option<Box<Bounds>>,
}

impl fmt::Debug for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bounds({})", self.given().count())
    }
}

/// The comparison of a value with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Greater.
    Gt,
    /// Greater or the same.
    Gte,
    /// Less.
    Lt,
    /// Less or the same.
    Lte,
}

impl Comparison {
    /// Returns the operator, which is the same in every database.
    pub fn operator(self) -> &'static str {
        match self {
            Self::Gt => ">",
            Self::Gte => ">=",
            Self::Lt => "<",
            Self::Lte => "<=",
        }
    }
}

impl Bounds {
    /// Returns the bounds that apply to a column of this type.
    pub fn within(&self, of: Type) -> &Self {
        let mut bounds = self.given().map(|(_, bound)| bound);
        let are_moments = match of {
            Type::Time => true,
            // Numbers are in the column's unit.
            Type::Counted(_) => !bounds.any(Scalar::is_number),
            // Only texts in the form of a moment are compared as moments.
            Type::Text | Type::Json | Type::Any => {
                self.given().next().is_some() && bounds.all(|bound| bound.as_stored().is_some())
            }
            _ => false,
        };
        self.moments.as_deref().filter(|_| are_moments).unwrap_or(self)
    }

    /// Returns the bounds that are given.
    pub fn given(&self) -> impl Iterator<Item = (Comparison, &Scalar)> {
        [
            (Comparison::Gt, &self.gt),
            (Comparison::Gte, &self.gte),
            (Comparison::Lt, &self.lt),
            (Comparison::Lte, &self.lte),
        ]
        .into_iter()
        .filter_map(|(comparison, bound)| bound.as_ref().map(|bound| (comparison, bound)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_is_the_same_after_it_was_written_and_shows_no_value() {
        let path = Path {
            column: "meta.data".to_owned(),
            steps: vec!["a.b".to_owned(), "c".to_owned()],
        };
        let values = vec![
            Scalar::from("secret"),
            Scalar::Integer(-7),
            Scalar::Float(7.0),
            Scalar::Bool(true),
        ];
        let bounds = Bounds {
            gte: Some(Scalar::Float(0.5)),
            moments: Some(Box::new(Bounds {
                lt: Some(Scalar::Integer(7)),
                ..Bounds::default()
            })),
            ..Bounds::default()
        };
        let filter = Filter::Not(Box::new(Filter::Or {
            any: vec![
                Filter::All,
                Filter::Nothing,
                Filter::Ids(vec!["secret".to_owned()]),
                Filter::OneOf {
                    path: path.clone(),
                    values,
                },
                Filter::Range {
                    path: path.clone(),
                    bounds,
                }
                .and(Filter::Text {
                    path: path.clone(),
                    has: Has::Prefix,
                    text: "secret".to_owned(),
                })
                .and(Filter::Exists(path.clone()))
                .and(Filter::Opaque(path)),
            ],
            at_least: 2,
        }));
        let text = serde_json::to_string(&filter).unwrap();
        assert!(serde_json::from_str::<Filter>(&text).unwrap() == filter, "{text}");
        assert_eq!(format!("{filter:?}"), "Filter(..)");
        assert!(serde_json::from_value::<Filter>(json!({"exists": []})).is_err());
    }
}
