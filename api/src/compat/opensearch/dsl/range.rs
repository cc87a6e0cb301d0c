//! Ranges, and what their bounds mean where they are dates.
//!
//! A bound is passed on as it is, unless the range says `format` or one of its bounds is date math:
//! then all of them are moments. What a column holds is not known here, so that moments go on as texts,
//! which columns of moments read, and with a format of numbers as texts or numbers, whichever it holds.

use jiff::Timestamp;
use lethe_common::filter::{Bounds, Comparison, Filter, Path, Scalar};
use serde_json::Value;

use super::moment::{Count, Moment};
use super::{Reader, allowed, only, refused, scalar};
use crate::compat::opensearch::short;
use crate::problem::Problem;

/// The first moment that a column can hold.
const FIRST: &str = "0001-01-01T00:00:00Z";

/// How bounds are written.
#[derive(Clone, Copy)]
struct Formats {
    dates: bool,
    /// What numbers count.
    numbers: Option<Count>,
    /// What the column counts, where that is said.
    column: Option<Count>,
}

impl Reader<'_> {
    pub(super) fn range(&self, body: &Value) -> Result<Filter, Problem> {
        let (field, bounds) = only(body, "range")?;
        let Value::Object(bounds) = bounds else {
            return Err(refused("[range] needs an object of bounds"));
        };
        allowed("range", bounds, &["gt", "gte", "lt", "lte", "format", "boost"])?;
        let bound = |name: &str| bounds.get(name).map(|value| scalar("range", value)).transpose();
        let read = Bounds {
            gt: bound("gt")?,
            gte: bound("gte")?,
            lt: bound("lt")?,
            lte: bound("lte")?,
            loose: false,
        };
        let path = self.path(field, "range")?;
        let formats = match bounds.get("format") {
            Some(format) => Formats::read(format)?,
            // In a column of numbers nothing is within moments: under a negation, everything.
            None if read.given().any(|(_, bound)| is_math(bound)) && self.negated && !self.is_counted(&path) => {
                return Err(refused(
                    "[range] needs a [format] for date math in [must_not]: strict_date_optional_time in a column of \
                     moments, else epoch_millis or epoch_second",
                ));
            }
            None if read.given().any(|(_, bound)| is_math(bound)) => Formats::USUAL,
            None => return Ok(Filter::Range { path, bounds: read }),
        };
        let moments: Vec<_> = read
            .given()
            .map(|(comparison, bound)| formats.moment(bound, self.now)?.compared(comparison))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                refused("[range] bounds are no dates: write them in the [format], or as date math such as now-90d/d")
            })?;
        Ok(self.within(&path, &moments, formats.column))
    }

    /// Returns whether the mapping says what a column of numbers counts.
    fn is_counted(&self, path: &Path) -> bool {
        let mut counted = self.table.counted.keys();
        path.steps.is_empty() && counted.any(|column| column.eq_ignore_ascii_case(&path.column))
    }

    /// Returns the filter of what is within moments.
    fn within(&self, path: &Path, moments: &[(Comparison, Timestamp)], column: Option<Count>) -> Filter {
        let as_texts = || bounds(moments, |_, at| Scalar::Text(at.to_string()));
        let as_numbers = |count| bounds(moments, |comparison, at| Scalar::Integer(whole(at, comparison, count)));
        let range = |bounds| Filter::Range {
            path: path.clone(),
            bounds,
        };
        // The column's type takes one of the two.
        let loose = |bounds| range(Bounds { loose: true, ..bounds });
        let either = |numbers| Filter::Or {
            any: vec![loose(as_texts()), numbers],
            at_least: 1,
        };
        match column {
            None => range(as_texts()),
            // Points have no moments.
            Some(count) if self.table.columns.is_none() => range(as_numbers(count)),
            // What holds moments, or counts what its mapping says, is asked for texts alone: a number may be
            // a thousandth there of what is meant.
            Some(count) => {
                let holds_moments = loose(Bounds {
                    gte: Some(Scalar::from(FIRST)),
                    ..Bounds::default()
                });
                either(Filter::Not(Box::new(holds_moments)).and(loose(as_numbers(count))))
            }
        }
    }
}

impl Formats {
    /// What OpenSearch takes where nothing is said.
    const USUAL: Self = Self {
        dates: true,
        numbers: Some(Count::Milliseconds),
        column: None,
    };

    fn read(format: &Value) -> Result<Self, Problem> {
        let Value::String(names) = format else {
            return Err(refused("[range] takes a text as [format]"));
        };
        let mut formats = Self {
            dates: false,
            numbers: None,
            column: None,
        };
        for name in names.split("||") {
            let count = match name {
                "strict_date_optional_time" | "date_optional_time" => {
                    formats.dates = true;
                    continue;
                }
                "epoch_millis" => Count::Milliseconds,
                "epoch_second" => Count::Seconds,
                other => {
                    let other = short(other);
                    return Err(refused(&format!(
                        "[range] does not know the [format] [{other}]: write strict_date_optional_time, epoch_millis \
                         or epoch_second"
                    )));
                }
            };
            // The first that fits is meant.
            formats.numbers = formats.numbers.or(Some(count));
        }
        formats.column = formats.numbers;
        Ok(formats)
    }

    fn moment(self, bound: &Scalar, now: Timestamp) -> Option<Moment> {
        let text = match bound {
            Scalar::Text(text) => text.clone(),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Float(_) | Scalar::Bool(_) => return None,
        };
        if let Some(steps) = text.strip_prefix("now") {
            return Moment::now(now).moved(steps);
        }
        let (anchor, steps) = text.split_once("||").unwrap_or((&text, ""));
        let dated = || Moment::dated(anchor).filter(|_| self.dates);
        let counted = || Moment::counted(anchor.parse().ok()?, self.numbers?);
        dated().or_else(counted)?.moved(steps)
    }
}

fn is_math(bound: &Scalar) -> bool {
    matches!(bound, Scalar::Text(text) if text.starts_with("now") || text.contains("||"))
}

/// Returns the tightest of the bounds, each written by `written`.
fn bounds(moments: &[(Comparison, Timestamp)], written: impl Fn(Comparison, Timestamp) -> Scalar) -> Bounds {
    let tightest = |of: Comparison| {
        let these = moments
            .iter()
            .filter(|(comparison, _)| *comparison == of)
            .map(|(_, at)| *at);
        let at = match of {
            Comparison::Gt | Comparison::Gte => these.max(),
            Comparison::Lt | Comparison::Lte => these.min(),
        };
        at.map(|at| written(of, at))
    };
    Bounds {
        gt: tightest(Comparison::Gt),
        gte: tightest(Comparison::Gte),
        lt: tightest(Comparison::Lt),
        lte: tightest(Comparison::Lte),
        loose: false,
    }
}

/// Returns the whole number that compares with whole numbers as a moment does.
fn whole(at: Timestamp, comparison: Comparison, count: Count) -> i64 {
    let unit = match count {
        Count::Seconds => 1_000,
        Count::Milliseconds => 1,
    };
    let below = at.as_millisecond().div_euclid(unit);
    let is_between = at.as_millisecond().rem_euclid(unit) > 0;
    match comparison {
        Comparison::Gte | Comparison::Lt => below + i64::from(is_between),
        Comparison::Gt | Comparison::Lte => below,
    }
}
