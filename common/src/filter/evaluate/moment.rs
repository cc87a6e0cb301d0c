//! Comparisons of values with moments.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Number, Value};

use super::{TypedPath, whole};
use crate::filter::{Bounds, Comparison, Counted, Scalar, Stored, Type, Unit, stored};

/// A value in a comparison with moments.
pub(super) enum Read<'a> {
    Moment(Instant<'a>),
    /// A value of a type that is never compared with moments.
    Other,
    Unreadable,
}

/// A value that stands for a moment.
pub(super) enum Instant<'a> {
    At(Timestamp),
    Counted(&'a Number, Unit),
}

impl Instant<'_> {
    pub(super) fn compare(&self, at: Timestamp) -> Option<Ordering> {
        match self {
            Self::At(this) => Some(this.cmp(&at)),
            Self::Counted(number, unit) => {
                let at = Counted::new(at, *unit);
                match whole(number) {
                    Some(whole) => Some(at.compare_whole(whole)),
                    None => at.compare_float(number.as_f64()?),
                }
            }
        }
    }
}

impl Bounds {
    /// Returns the bounds as moments, if values of the type are compared as moments. Where a value may be any
    /// text, every bound has to be written as a moment.
    pub fn as_moments(&self, of: Type) -> Option<Vec<(Comparison, Timestamp)>> {
        let read = |bound: &Scalar| match (of, bound) {
            (Type::Time, bound) => bound.as_moment(),
            (Type::Counted(_), bound) if !bound.is_number() => bound.as_moment(),
            (Type::Text | Type::Json | Type::Any, bound) => bound.as_stored(),
            _ => None,
        };
        let all: Option<Vec<_>> = self
            .within(of)
            .given()
            .map(|(comparison, bound)| Some((comparison, read(bound)?)))
            .collect();
        all.filter(|bounds| !bounds.is_empty())
    }
}

impl TypedPath {
    /// Reads a value for a comparison with moments. Local times are UTC.
    pub(super) fn moment<'v>(&self, value: &'v Value) -> Read<'v> {
        match (self.compared(), value) {
            (Type::Counted(unit), Value::Number(number)) => Read::Moment(Instant::Counted(number, unit)),
            (Type::Counted(_), _) => Read::Unreadable,
            (_, Value::String(text)) => match stored(text) {
                Some(Stored::At(at)) => Read::Moment(Instant::At(at)),
                Some(Stored::Local(at)) => Offset::UTC
                    .to_timestamp(at)
                    .map_or(Read::Unreadable, |at| Read::Moment(Instant::At(at))),
                None => Read::Unreadable,
            },
            (Type::Json, _) => Read::Other,
            _ => Read::Unreadable,
        }
    }
}
