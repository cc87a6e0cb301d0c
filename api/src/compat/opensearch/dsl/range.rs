//! Ranges, and the meaning of their bounds as dates.
//!
//! Bounds are dates if the range has a `format` or `time_zone`, or if one of them is date math. Otherwise the column's
//! type decides, which is unknown here. A column of moments reads dates, and other columns take the bounds literally.
//! So the filter holds both ([`Bounds::moments`]), and each column takes its own.

use jiff::Timestamp;
use lethe_common::filter::{Bounds, Comparison, Filter, Path, Scalar};
use serde_json::{Map, Value};

use super::moment::{self, Count, Edge, Reading};
use super::reader::Reader;
use super::syntax::{allowed, only, refused, scalar};
use super::written;
use crate::http::problem::Problem;

/// The first moment that a column can hold.
const FIRST: &str = "0001-01-01T00:00:00Z";

impl Reader<'_> {
    pub(super) fn range(&self, body: &Value) -> Result<Filter, Problem> {
        let (field, bounds) = only(body, "range")?;
        let Value::Object(bounds) = bounds else {
            return Err(refused("[range] needs an object of bounds"));
        };
        allowed(
            "range",
            bounds,
            &["gt", "gte", "lt", "lte", "format", "time_zone", "boost"],
        )?;
        let path = self.path(field, "range")?;
        let read = given(bounds)?;
        let filter = self.bounded(&path, bounds, read)?;
        self.protecting("range", field, &path, filter)
    }

    fn bounded(&self, path: &Path, says: &Map<String, Value>, read: Bounds) -> Result<Filter, Problem> {
        let is_math = read.given().any(|(_, bound)| is_math(bound));
        let format = says.get("format").map(written::formats).transpose()?;
        let zone = says.get("time_zone").map(written::zone).transpose()?;
        if format.is_none() && zone.is_none() && !is_math {
            return self.by_column(path, read);
        }
        // In a column of numbers no value is within moments. Under a negation every memory would match.
        if format.is_none() && self.negated && !self.is_counted(path) {
            return Err(refused(
                "[range] needs a [format] for dates in [must_not]: strict_date_optional_time in a column of moments, \
                 else epoch_millis or epoch_second",
            ));
        }
        let mut reading = Reading::usual(self.now);
        let counts = format.as_ref().and_then(|format| written::counts(format));
        reading.written = format.unwrap_or(reading.written);
        reading.zone = zone.unwrap_or(reading.zone);
        let edges = edges(&reading, &read).ok_or_else(|| {
            refused(
                "[range] bounds are no dates: write them in the [format], or as date math such as now-90d/d. Numbers are \
                 not allowed with [time_zone]",
            )
        })?;
        Ok(self.within(path, &edges, counts))
    }

    /// Returns the filter for bounds that are dates only in a column of moments.
    fn by_column(&self, path: &Path, read: Bounds) -> Result<Filter, Problem> {
        let range = |bounds| Filter::Range {
            path: path.clone(),
            bounds,
        };
        if self.table.columns.is_none() {
            return Ok(range(read));
        }
        if self.is_counted(path) && read.given().any(|(_, bound)| is_year(bound)) {
            return Err(refused(
                "[range] with a year is ambiguous: a date field reads its first day, a numeric field reads the number. \
                 Write a date such as 2024-01-01",
            ));
        }
        let is_vague = read.given().any(|(comparison, bound)| {
            let rounds = matches!(comparison, Comparison::Gt | Comparison::Lte);
            rounds && matches!(bound, Scalar::Text(text) if moment::is_vague(text))
        });
        if !path.steps.is_empty() {
            // The type of a field in JSON is unknown: OpenSearch may read a date or a text.
            return if is_vague {
                Err(refused(
                    "[range] with a day, a month or a year in [gt] or [lte] means all of it in a field of dates, and its \
                     text in any other: write a time as well, or the [format] strict_date_optional_time",
                ))
            } else {
                Ok(range(read))
            };
        }
        let moments = edges(&Reading::usual(self.now), &read).map(|edges| as_texts(&edges));
        if moments.as_ref().is_some_and(|moments| is_same(&read, moments)) {
            return Ok(range(read));
        }
        let plain = if is_vague && moments.is_some() {
            Bounds::default()
        } else {
            read
        };
        // In a column of moments a bound that is no date is a type error.
        let moments = Some(Box::new(moments.unwrap_or_default()));
        Ok(range(Bounds { moments, ..plain }))
    }

    /// Returns whether the mapping says what a column of numbers counts (`as`).
    fn is_counted(&self, path: &Path) -> bool {
        let mut counted = self.table.counted.keys();
        path.steps.is_empty() && counted.any(|column| column.eq_ignore_ascii_case(&path.column))
    }

    /// Returns the filter for values within moments.
    fn within(&self, path: &Path, edges: &[Edge], column: Option<Count>) -> Filter {
        let as_texts = || as_texts(edges);
        let as_numbers = |count| bounds(edges, |at| whole(at, count));
        let range = |bounds| Filter::Range {
            path: path.clone(),
            bounds,
        };
        // The column's type selects one of the two.
        let loose = |bounds| range(Bounds { loose: true, ..bounds });
        let either = |numbers| Filter::Or {
            any: vec![loose(as_texts()), numbers],
            at_least: 1,
        };
        match column {
            None => range(as_texts()),
            // Points have no moments.
            Some(count) if self.table.columns.is_none() => range(as_numbers(count)),
            // The mapping's unit takes precedence over the format's: they may differ by a factor of 1,000.
            Some(_) if self.is_counted(path) => range(as_texts()),
            // In a column of moments a number counts milliseconds, so both conditions mean the same.
            Some(count @ Count::Milliseconds) => either(loose(as_numbers(count))),
            // A column of moments would read seconds as milliseconds, so it gets only the texts.
            Some(count @ Count::Seconds) => {
                let holds_moments = loose(Bounds {
                    gte: Some(Scalar::from(FIRST)),
                    ..Bounds::default()
                });
                either(Filter::Not(Box::new(holds_moments)).and(loose(as_numbers(count))))
            }
        }
    }

    /// Returns the filter for a value in a column of moments: all moments that OpenSearch treats as equal to it. Other
    /// columns match nothing.
    pub(super) fn of_moment(&self, path: &Path, value: &Scalar) -> Option<Filter> {
        let text = match value {
            Scalar::Text(text) => text.clone(),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Float(_) | Scalar::Bool(_) => return None,
        };
        // Years and milliseconds are moments. Other numbers are not, and no number is if the mapping says its unit.
        let is_moment = |number: i64| (1_000..10_000).contains(&number) || number.unsigned_abs() >= LEAST;
        if text
            .parse()
            .is_ok_and(|number| !is_moment(number) || self.is_counted(path))
        {
            return None;
        }
        let reading = Reading::usual(self.now);
        let edge = |comparison| reading.bound(comparison, &text);
        let moments = as_texts(&[edge(Comparison::Gte)?, edge(Comparison::Lte)?]);
        Some(Filter::Range {
            path: path.clone(),
            bounds: Bounds {
                loose: true,
                moments: Some(Box::new(moments)),
                ..Bounds::default()
            },
        })
    }
}

/// The smallest number without a unit that counts as milliseconds: a moment of 1973.
const LEAST: u64 = 100_000_000_000;

fn given(bounds: &Map<String, Value>) -> Result<Bounds, Problem> {
    let bound = |name: &str| bounds.get(name).map(|value| scalar("range", value)).transpose();
    Ok(Bounds {
        gt: bound("gt")?,
        gte: bound("gte")?,
        lt: bound("lt")?,
        lte: bound("lte")?,
        ..Bounds::default()
    })
}

fn is_math(bound: &Scalar) -> bool {
    matches!(bound, Scalar::Text(text) if text.starts_with("now") || text.contains("||"))
}

/// Returns whether a bound can be both a year and a number.
fn is_year(bound: &Scalar) -> bool {
    match bound {
        Scalar::Text(text) => text.len() == 4 && text.parse().is_ok_and(|year: u16| year >= 1_000),
        Scalar::Integer(year) => (1_000..10_000).contains(year),
        Scalar::Float(_) | Scalar::Bool(_) => false,
    }
}

fn edges(reading: &Reading, read: &Bounds) -> Option<Vec<Edge>> {
    let edge = |(comparison, bound): (Comparison, &Scalar)| match bound {
        Scalar::Text(text) => reading.bound(comparison, text),
        Scalar::Integer(number) => reading.bound(comparison, &number.to_string()),
        Scalar::Float(_) | Scalar::Bool(_) => None,
    };
    read.given().map(edge).collect()
}

/// Returns whether a column of moments reads `read` as these moments.
fn is_same(read: &Bounds, moments: &Bounds) -> bool {
    let at = Scalar::as_moment;
    let given: Vec<_> = read
        .given()
        .map(|(comparison, bound)| (comparison, at(bound)))
        .collect();
    let meant: Vec<_> = moments
        .given()
        .map(|(comparison, bound)| (comparison, at(bound)))
        .collect();
    given == meant
}

/// Returns the most restrictive edge on one side.
fn tightest(edges: &[Edge], is_lower: bool) -> Option<Edge> {
    let these = edges.iter().filter(|edge| edge.is_lower == is_lower).copied();
    if is_lower {
        these.max_by_key(|edge| edge.at)
    } else {
        these.min_by_key(|edge| edge.at)
    }
}

fn bounds(edges: &[Edge], written: impl Fn(Timestamp) -> Scalar) -> Bounds {
    let at = |is_lower| tightest(edges, is_lower).map(|edge| written(edge.at));
    Bounds {
        gte: at(true),
        lt: at(false),
        ..Bounds::default()
    }
}

/// Returns bounds as moments. Texts that hold moments are compared with them too.
fn as_texts(edges: &[Edge]) -> Bounds {
    bounds(edges, |at| Scalar::Text(at.to_string()))
}

/// Returns the first whole number at or after a moment.
fn whole(at: Timestamp, count: Count) -> Scalar {
    let at = at.as_millisecond();
    Scalar::Integer(match count {
        Count::Seconds => at.div_euclid(1_000) + i64::from(at.rem_euclid(1_000) > 0),
        Count::Milliseconds => at,
    })
}
