//! The values of parameters, and the errors for invalid ones in OpenSearch's own words.

use std::time::Duration;

use lethe_common::ledger::SLOWEST;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::compat::read::Query;
use crate::http::json::short;
use crate::http::problem::{Kind, Problem};

/// The wait of a request without `timeout`, as in OpenSearch.
pub(super) const WAIT: Duration = Duration::from_secs(30);

/// The parameters for the format of an answer. Every route accepts them, and they have no effect.
const WRITTEN: [&str; 3] = ["pretty", "human", "error_trace"];

/// OpenSearch's error for `from`, the offset of a search.
pub(super) const FROM: &str = "from is not supported in this context";

/// OpenSearch's error for `stored_fields`, the fields that a search returns.
pub(super) const STORED_FIELDS: &str = "stored_fields is not supported in this context";

/// The format of an answer. Every route accepts these parameters, and they have no effect.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) struct WrittenParams {
    /// Has no effect.
    #[param(inline)]
    pretty: Option<Flag>,
    /// Has no effect.
    #[param(inline)]
    human: Option<Flag>,
    /// Has no effect.
    #[param(inline)]
    error_trace: Option<Flag>,
}

/// A boolean parameter. Without a value it is true.
pub(crate) struct Flag;

impl PartialSchema for Flag {
    fn schema() -> RefOr<Schema> {
        let bare = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some([""]))
            .build();
        let flag = OneOfBuilder::new().item(Object::with_type(Type::Boolean)).item(bare);
        RefOr::T(Schema::OneOf(flag.build()))
    }
}

impl ToSchema for Flag {}

/// Refuses parameters other than `known` ones and those for the format of an answer.
pub(super) fn only(query: &Query, known: &[&str]) -> Result<(), Problem> {
    for name in query.names() {
        if known.contains(&name) || WRITTEN.contains(&name) {
            continue;
        }
        let name = short(name);
        return Err(illegal(&format!("request contains unrecognized parameter: [{name}]")));
    }
    WRITTEN
        .into_iter()
        .try_for_each(|name| flag(query, name, false).map(|_| ()))
}

/// Returns a boolean parameter, or `usual` if it is absent. Without a value it is true.
pub(super) fn flag(query: &Query, name: &str, usual: bool) -> Result<bool, Problem> {
    match query.one(name)? {
        None => Ok(usual),
        Some("" | "true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => {
            let other = short(other);
            let text = format!("Failed to parse value [{other}] as only [true] or [false] are allowed.");
            Err(illegal(&text))
        }
    }
}

/// Returns a parameter that is a duration, such as `30s` or `0`. `-1`, no time limit in OpenSearch, counts as absent.
// OpenSearch's `TimeValue.parseTimeValue` takes these two without a unit.
pub(super) fn time(query: &Query, name: &str) -> Result<Option<Duration>, Problem> {
    let Some(text) = query.one(name)? else { return Ok(None) };
    let wrong = || {
        let text = short(text);
        let text = format!(
            "failed to parse setting [{name}] with value [{text}] as a time value: unit is missing or unrecognized"
        );
        illegal(&text)
    };
    match text {
        "0" => return Ok(Some(Duration::ZERO)),
        "-1" => return Ok(None),
        _ => {}
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let nanos: u64 = match unit {
        "nanos" => 1,
        "micros" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    Ok(Some(Duration::from_nanos(number.saturating_mul(nanos))))
}

/// Returns the pace in memories per second, if the request gives one. `-1` means no limit.
#[expect(clippy::option_option, reason = "not given is not the same as none")]
pub(super) fn requests_per_second(query: &Query) -> Result<Option<Option<f64>>, Problem> {
    let Some(text) = query.one("requests_per_second")? else {
        return Ok(None);
    };
    let wrong = || illegal("[requests_per_second] must be a float greater than 0. Use -1 to disable throttling.");
    let pace: f64 = text.parse().map_err(|_| wrong())?;
    if pace.total_cmp(&-1.0).is_eq() {
        return Ok(Some(None));
    }
    if pace > 0.0 && pace.is_finite() {
        Ok(Some(Some(pace.max(SLOWEST))))
    } else {
        Err(wrong())
    }
}

/// Returns a parameter that is a 32-bit integer.
pub(super) fn int(query: &Query, name: &str) -> Result<Option<i32>, Problem> {
    let Some(text) = query.one(name)? else { return Ok(None) };
    let wrong = |_| {
        let text = short(text);
        illegal(&format!("Failed to parse int parameter [{name}] with value [{text}]"))
    };
    text.parse().map(Some).map_err(wrong)
}

pub(super) fn illegal(text: &str) -> Problem {
    Problem::new(Kind::Malformed, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_wait_and_minus_one_is_the_usual_one() {
        let given = |query: &str| time(&Query::read(query).unwrap(), "timeout").unwrap();
        for (query, expected) in [
            ("", None),
            ("timeout=-1", None),
            ("timeout=0", Some(Duration::ZERO)),
            ("timeout=0s", Some(Duration::ZERO)),
            ("timeout=300ms", Some(Duration::from_millis(300))),
            ("timeout=2m", Some(Duration::from_mins(2))),
        ] {
            assert_eq!(given(query), expected, "{query}");
        }
        for wrong in [
            "timeout=",
            "timeout=1",
            "timeout=-2",
            "timeout=-1s",
            "timeout=00",
            "timeout=s",
        ] {
            assert!(time(&Query::read(wrong).unwrap(), "timeout").is_err(), "{wrong}");
        }
    }
}
