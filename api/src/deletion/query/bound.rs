//! The bounds of a range: values, or times ago.

use std::fmt;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use lethe_common::filter::Scalar;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize as Derive, Serialize};
use utoipa::ToSchema;

use super::term::{OneValue, Term};
use crate::http::json::given;

/// The longest time ago: a hundred years. No memory is older.
const LONGEST: SignedDuration = SignedDuration::from_hours(36_500 * 24);

/// A bound: a value, or a time ago.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Bound {
    /// A value.
    Value(Term),
    /// A time ago.
    Ago(Ago),
}

/// A moment before the acceptance of the job: `{"ago": "90d"}`.
#[derive(Serialize, Derive, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ago {
    /// The time before the acceptance: `90d`, `12h`, `2w`. A day is 24 hours.
    #[schema(example = "90d")]
    ago: String,
    /// The unit of a column of numbers since 1970. Absent for a column of moments, or if the mapping says the unit.
    #[serde(
        rename = "as",
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(nullable = false)]
    written: Option<Count>,
}

/// The unit of a column of numbers since 1970.
#[derive(Debug, Clone, Copy, Serialize, Derive, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Count {
    Seconds,
    Milliseconds,
}

impl Bound {
    /// Returns the value at `now`. The error says what to write instead.
    pub(super) fn read(self, now: Timestamp) -> Result<Scalar, &'static str> {
        match self {
            Self::Value(Term(value)) => Ok(value),
            Self::Ago(ago) => ago.before(now),
        }
    }
}

impl Ago {
    fn before(&self, now: Timestamp) -> Result<Scalar, &'static str> {
        let wrong = "write a time of at most 36500d as `ago`, such as `90d`, `12h` or `2w`: months and years differ";
        let span: Span = self.ago.parse().map_err(|_| wrong)?;
        let time = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| wrong)?;
        if !time.is_positive() || time > LONGEST {
            return Err(wrong);
        }
        let at = now.checked_sub(time).map_err(|_| wrong)?;
        Ok(match self.written {
            Some(Count::Seconds) => Scalar::Integer(at.as_second()),
            Some(Count::Milliseconds) => Scalar::Integer(at.as_millisecond()),
            // Whole seconds are exact enough for a time ago.
            None => Scalar::Text(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        })
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneBound)
    }
}

struct OneBound;

impl OneBound {
    fn value<E>(read: Result<Scalar, E>) -> Result<Bound, E> {
        read.map(Term).map(Bound::Value)
    }
}

impl<'de> Visitor<'de> for OneBound {
    type Value = Bound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OneValue.expecting(f)?;
        f.write_str(", or a time ago such as {\"ago\": \"90d\"}")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Bound, E> {
        Self::value(OneValue.visit_bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Bound, E> {
        Self::value(OneValue.visit_i64(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Bound, E> {
        Self::value(OneValue.visit_u64(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Bound, E> {
        Self::value(OneValue.visit_f64(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bound, E> {
        Self::value(OneValue.visit_str(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Bound, A::Error> {
        Ago::deserialize(MapAccessDeserializer::new(map)).map(Bound::Ago)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(value: Scalar) -> String {
        match value {
            Scalar::Text(text) => text,
            Scalar::Integer(number) => number.to_string(),
            Scalar::Float(number) => number.to_string(),
            Scalar::Bool(value) => value.to_string(),
        }
    }

    fn resolved(bound: Value) -> Result<String, &'static str> {
        let now = "2026-03-31T12:00:00.9Z".parse().unwrap();
        let bound: Bound = serde_json::from_value(bound).unwrap();
        bound.read(now).map(text)
    }

    #[test]
    fn a_time_ago_becomes_a_moment() {
        for (bound, expected) in [
            (json!({"ago": "90d"}), "2025-12-31T12:00:00Z"),
            (json!({"ago": "2w"}), "2026-03-17T12:00:00Z"),
            (json!({"ago": "1h 30min"}), "2026-03-31T10:30:00Z"),
            (json!({"ago": "1d", "as": "seconds"}), "1774872000"),
            (json!({"ago": "1d", "as": "milliseconds"}), "1774872000900"),
            (json!("2025-01-01"), "2025-01-01"),
            (json!(7), "7"),
        ] {
            assert_eq!(resolved(bound.clone()).as_deref(), Ok(expected), "{bound}");
        }
    }

    #[test]
    fn a_time_ago_is_written_as_it_was_read() {
        for bound in [
            json!({"ago": "90d"}),
            json!({"ago": "1d", "as": "seconds"}),
            json!("x"),
            json!(1),
        ] {
            let read: Bound = serde_json::from_value(bound.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), bound);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for ago in [
            "",
            "90",
            "-90d",
            "90d ago",
            "0d",
            "3 months",
            "1y",
            "36501d",
            "soon",
            "99999999999999999999d",
        ] {
            assert!(resolved(json!({"ago": ago})).is_err(), "{ago}");
        }
        for bound in [
            json!({}),
            json!({"ago": 90}),
            json!({"ago": "90d", "as": null}),
            json!({"ago": "90d", "as": "days"}),
            json!({"ago": "90d", "more": 1}),
            json!(null),
            json!([1]),
        ] {
            assert!(serde_json::from_value::<Bound>(bound.clone()).is_err(), "{bound}");
        }
    }
}
