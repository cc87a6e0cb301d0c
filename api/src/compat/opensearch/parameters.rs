//! The parameters of OpenSearch's routes by query, and their refusals in its own words.

use lethe_common::ledger::{Manner, SLOWEST};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::short;
use crate::compat::erase::How;
use crate::compat::read::Query;
use crate::problem::{Kind, Problem};

/// What means nothing here, and is taken by every route: how an answer is written.
const WRITTEN: [&str; 3] = ["pretty", "human", "error_trace"];

/// What a deletion by query takes.
const BY_QUERY: [&str; 10] = [
    "conflicts",
    "max_docs",
    "refresh",
    "requests_per_second",
    "scroll",
    "scroll_size",
    "search_timeout",
    "slices",
    "timeout",
    "wait_for_completion",
];

/// The most slices, as OpenSearch has it unless an index says otherwise.
const MAX_SLICES: i32 = 1024;

/// The most memories of a batch, as OpenSearch has it unless an index says otherwise.
const MAX_BATCH: i32 = 10_000;

/// How long a caller is waited for that says no time, as OpenSearch has it.
pub(super) const WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// How a deletion by query is done.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) struct ByQueryParams {
    /// What a memory does that changed in between: `abort`, the default, or `proceed`.
    conflicts: Option<String>,
    /// The most memories to take of what matches; in the body as well.
    #[param(minimum = 0, maximum = 2_147_483_647)]
    max_docs: Option<u32>,
    /// The most memories of a batch.
    #[param(minimum = 1, maximum = 10_000)]
    scroll_size: Option<u32>,
    /// The most memories a second; -1, the default: as fast as it can.
    requests_per_second: Option<f64>,
    /// `false`: answer at once, with the id of a task.
    #[param(inline)]
    wait_for_completion: Option<Flag>,
    /// 1 to 1024, or `auto`: checked, and of no effect.
    slices: Option<String>,
    /// Checked, and of no effect.
    #[param(inline)]
    refresh: Option<Flag>,
    /// Checked, and of no effect.
    timeout: Option<String>,
}

/// A parameter that is true, false, or there without a value, which is true.
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

/// What a deletion by query was asked for beside its query.
pub(super) struct Parameters {
    per_second: Option<f64>,
    batch: Option<u32>,
    max_docs: Option<i32>,
    slices: Option<i32>,
    aborts: bool,
    /// Whether to answer when it has ended.
    pub(super) wait_for_completion: bool,
}

impl Parameters {
    /// Reads them; whatever is wrong or not known is refused.
    pub(super) fn read(query: &Query) -> Result<Self, Problem> {
        only(query, &BY_QUERY)?;
        // Deletions are seen at once, take as long as they take, and hold nothing open in between.
        flag(query, "refresh", false)?;
        for name in ["scroll", "search_timeout", "timeout"] {
            time(query, name)?;
        }
        Ok(Self {
            per_second: requests_per_second(query)?.flatten(),
            batch: scroll_size(query)?,
            max_docs: int(query, "max_docs")?.map(max_docs).transpose()?,
            slices: slices(query)?,
            aborts: aborts(query)?,
            wait_for_completion: flag(query, "wait_for_completion", true)?,
        })
    }

    /// Returns how it is to be done, and whether anything is at all: the body may say `max_docs` as well.
    pub(super) fn how(&self, body: Option<&Value>, opaque_id: Option<String>) -> Result<(How, bool), Problem> {
        let in_body = body.map(|value| {
            let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
            let wrong = || {
                illegal(&format!(
                    "Failed to parse int parameter [max_docs] with value [{}]",
                    shown(value)
                ))
            };
            max_docs(number.ok_or_else(wrong)?)
        });
        let most = match (in_body.transpose()?, self.max_docs) {
            (Some(body), Some(query)) if body != query => {
                let text = format!("[max_docs] set to two different values [{body}] and [{query}]");
                return Err(illegal(&text));
            }
            (body, query) => body.or(query),
        };
        if most.is_some_and(|most| self.slices.is_some_and(|slices| most < slices)) {
            return Err(illegal("[max_docs] should be >= [slices]"));
        }
        let how = How {
            per_second: self.per_second,
            manner: Manner {
                batch: self.batch,
                most: most.and_then(|most| u64::try_from(most).ok()).filter(|most| *most > 0),
                aborts: self.aborts,
                opaque_id,
                ..Manner::default()
            },
        };
        Ok((how, most != Some(0)))
    }
}

/// Refuses parameters beside these.
pub(super) fn only(query: &Query, known: &[&str]) -> Result<(), Problem> {
    for name in query.names() {
        if known.contains(&name) || WRITTEN.contains(&name) {
            continue;
        }
        let name = short(name);
        return Err(illegal(&format!("request contains unrecognized parameter: [{name}]")));
    }
    Ok(())
}

/// Returns a parameter that is on or off; without a value it is on.
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

/// Returns a parameter that is a time, such as `30s`.
pub(super) fn time(query: &Query, name: &str) -> Result<Option<std::time::Duration>, Problem> {
    let Some(text) = query.one(name)? else { return Ok(None) };
    let wrong = || {
        let text = short(text);
        let text = format!(
            "failed to parse setting [{name}] with value [{text}] as a time value: unit is missing or unrecognized"
        );
        illegal(&text)
    };
    if text == "0" || text == "-1" {
        return Ok(None);
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
    Ok(Some(std::time::Duration::from_nanos(number.saturating_mul(nanos))))
}

/// Returns the pace, if one is given: `-1` is none.
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

fn int(query: &Query, name: &str) -> Result<Option<i32>, Problem> {
    let Some(text) = query.one(name)? else { return Ok(None) };
    let wrong = |_| {
        let text = short(text);
        illegal(&format!("Failed to parse int parameter [{name}] with value [{text}]"))
    };
    text.parse().map(Some).map_err(wrong)
}

fn max_docs(number: i32) -> Result<i32, Problem> {
    if number < 0 {
        let text = format!("[max_docs] parameter cannot be negative, found [{number}]");
        return Err(illegal(&text));
    }
    Ok(number)
}

fn aborts(query: &Query) -> Result<bool, Problem> {
    match query.one("conflicts")? {
        None | Some("abort") => Ok(true),
        Some("proceed") => Ok(false),
        Some(other) => {
            let other = short(other);
            let text = format!("conflicts may only be \"proceed\" or \"abort\" but was [{other}]");
            Err(illegal(&text))
        }
    }
}

fn scroll_size(query: &Query) -> Result<Option<u32>, Problem> {
    let Some(size) = int(query, "scroll_size")? else {
        return Ok(None);
    };
    if size < 1 {
        let text = format!("[scroll_size] parameter must be greater than 0, found [{size}]");
        return Err(illegal(&text));
    }
    if size > MAX_BATCH {
        let text =
            format!("Batch size is too large, size must be less than or equal to: [{MAX_BATCH}] but was [{size}].");
        return Err(illegal(&text));
    }
    Ok(u32::try_from(size).ok())
}

fn slices(query: &Query) -> Result<Option<i32>, Problem> {
    let Some(text) = query.one("slices")? else {
        return Ok(None);
    };
    if text == "auto" {
        return Ok(None);
    }
    let number: Option<i32> = text.parse().ok().filter(|number| *number > 0);
    let Some(number) = number else {
        let text = short(text);
        let text = format!("[slices] must be a positive integer or the string \"auto\", but was [{text}]");
        return Err(illegal(&text));
    };
    if number > MAX_SLICES {
        let text = format!("The number of slices [{number}] is too large. It must be less than [{MAX_SLICES}].");
        return Err(illegal(&text));
    }
    Ok(Some(number))
}

/// Returns a value as it may be said again.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => short(text),
        Value::Number(number) => number.to_string(),
        _ => "…".to_owned(),
    }
}

pub(super) fn illegal(text: &str) -> Problem {
    Problem::new(Kind::Malformed, text)
}
