//! The notation of a range's bounds: `format` and `time_zone`.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::moment::{self, Count, TimeFormat};
use super::syntax::refused;
use crate::http::json::short;
use crate::http::problem::Problem;

/// Reads a `format`: names with `||` between them.
pub(super) fn formats(format: &Value) -> Result<Vec<TimeFormat>, Problem> {
    let Value::String(names) = format else {
        return Err(refused("[range] takes a text as [format]"));
    };
    let format = |name| match name {
        "strict_date_optional_time" | "date_optional_time" => Ok(TimeFormat::Date),
        "strict_date_time" => Ok(TimeFormat::DateTime),
        "epoch_millis" => Ok(TimeFormat::Counted(Count::Milliseconds)),
        "epoch_second" => Ok(TimeFormat::Counted(Count::Seconds)),
        other => {
            let other = short(other);
            Err(refused(&format!(
                "[range] does not know the [format] [{other}]: write strict_date_optional_time, strict_date_time, \
                 epoch_millis or epoch_second"
            )))
        }
    };
    names.split("||").map(format).collect()
}

/// Returns the unit of a column of numbers, if one of the formats says it.
pub(super) fn counts(formats: &[TimeFormat]) -> Option<Count> {
    formats.iter().find_map(|written| match written {
        TimeFormat::Counted(count) => Some(*count),
        TimeFormat::Date | TimeFormat::DateTime => None,
    })
}

/// Reads a `time_zone`.
pub(super) fn zone(zone: &Value) -> Result<TimeZone, Problem> {
    let Value::String(name) = zone else {
        return Err(refused("[range] takes a text as [time_zone]"));
    };
    moment::zone(name).ok_or_else(|| {
        let name = short(name);
        refused(&format!(
            "[range] does not know the [time_zone] [{name}]: write +01:00, or a name such as Europe/Paris"
        ))
    })
}
