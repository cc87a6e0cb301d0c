//! Translation of callers' filters into internal ones.

use jiff::Timestamp;
use lethe_common::config::Table;
use lethe_common::filter::{Bounds, Filter, Has, Path, Scalar};

use super::bound::Bound;
use super::fields::{self, Known};
use super::language::{Limits, Query};
use super::one::One;
use super::term::Term;
use crate::http::json;
use crate::http::object::Object;
use crate::http::problem::Problem;

/// The place of a query in the body.
pub(crate) const PLACE: &str = "select.query";

/// Reads a query on the memories of `table`. Times ago count from `now`.
pub(crate) fn read(query: Query, table: &Table, now: Timestamp) -> Result<Filter, Problem> {
    let reader = Reader { table, now };
    reader.checked(PLACE, reader.filter(query, PLACE)?)
}

struct Reader<'a> {
    table: &'a Table,
    now: Timestamp,
}

impl Reader<'_> {
    fn filter(&self, query: Query, at: &str) -> Result<Filter, Problem> {
        match query {
            Query::All(_) => Ok(Filter::All),
            Query::And(parts) => self.parts(parts, &format!("{at}.and")).map(Filter::And),
            Query::Or(parts) => {
                let any = self.parts(parts, &format!("{at}.or"))?;
                Ok(Filter::Or { any, at_least: 1 })
            }
            Query::Not(part) => {
                let part = self.filter(*part, &format!("{at}.not"))?;
                Ok(Filter::Not(Box::new(part)))
            }
            Query::Eq(One { field, asked }) => self.one_of(&format!("{at}.eq"), &field, vec![asked.0]),
            Query::In(One { field, asked }) => {
                let at = format!("{at}.in");
                if asked.is_empty() {
                    return Err(Problem::invalid(&of(&at, &field), "give at least one value"));
                }
                self.one_of(&at, &field, asked.into_iter().map(|Term(value)| value).collect())
            }
            Query::Range(One { field, asked }) => {
                let Object(Limits { gt, gte, lt, lte }) = asked;
                let at = format!("{at}.range");
                let bound = |name: &str, bound: Option<Bound>| {
                    let read = bound.map(|bound| bound.read(self.now)).transpose();
                    read.map_err(|what| Problem::invalid(&format!("{}.{name}", of(&at, &field)), what))
                };
                let bounds = Bounds {
                    gt: bound("gt", gt)?,
                    gte: bound("gte", gte)?,
                    lt: bound("lt", lt)?,
                    lte: bound("lte", lte)?,
                    ..Bounds::default()
                };
                self.leaf(&at, &field, |path| Filter::Range { path, bounds })
            }
            Query::Exists(field) => self.exists(&format!("{at}.exists"), &field),
            Query::Prefix(One { field, asked }) => self.text(&format!("{at}.prefix"), &field, Has::Prefix, asked),
            Query::Contains(One { field, asked }) => self.text(&format!("{at}.contains"), &field, Has::Part, asked),
        }
    }

    fn parts(&self, parts: Vec<Query>, at: &str) -> Result<Vec<Filter>, Problem> {
        if parts.is_empty() {
            return Err(Problem::invalid(at, "give at least one filter"));
        }
        let parts = parts.into_iter().enumerate();
        parts
            .map(|(n, part)| self.filter(part, &format!("{at}[{n}]")))
            .collect()
    }

    fn one_of(&self, at: &str, field: &str, values: Vec<Scalar>) -> Result<Filter, Problem> {
        let at = of(at, field);
        let filter = match self.field(&at, field)? {
            Known::At(path) => Filter::OneOf { path, values },
            // A value that cannot be an id matches no memory.
            Known::Id => Filter::Ids(values.into_iter().filter_map(Scalar::into_id).collect()),
        };
        self.checked(&at, filter)
    }

    fn exists(&self, at: &str, field: &str) -> Result<Filter, Problem> {
        let columns = self.table.columns.as_ref();
        match self.field(at, field)? {
            Known::At(path) if columns.is_none_or(|columns| path != Path::column(&columns.id)) => {
                self.checked(at, Filter::Exists(path))
            }
            Known::At(_) | Known::Id => {
                let what = "every memory has an id: write `{\"all\": true}` if every memory is meant";
                Err(Problem::invalid(at, what))
            }
        }
    }

    fn text(&self, at: &str, field: &str, has: Has, text: String) -> Result<Filter, Problem> {
        self.leaf(at, field, |path| Filter::Text { path, has, text })
    }

    /// Returns the checked condition on a field.
    fn leaf(&self, at: &str, field: &str, filter: impl FnOnce(Path) -> Filter) -> Result<Filter, Problem> {
        let at = of(at, field);
        match self.field(&at, field)? {
            Known::At(path) => self.checked(&at, filter(path)),
            Known::Id => {
                let what = "use `eq` or `in`: a table with only vectors supports no other condition on ids";
                Err(Problem::invalid(&at, what))
            }
        }
    }

    fn field(&self, at: &str, field: &str) -> Result<Known, Problem> {
        fields::find(self.table, field).ok_or_else(|| Problem::invalid(at, fields::unknown(self.table, field)))
    }

    /// Refuses a filter that must not become a job. Each part is checked too, so the error has its place.
    fn checked(&self, at: &str, filter: Filter) -> Result<Filter, Problem> {
        filter.check().map_err(|error| Problem::of_filter(at, error))?;
        if self.table.columns.is_none() {
            filter.check_points().map_err(|error| Problem::invalid(at, error))?;
        }
        Ok(filter)
    }
}

fn of(at: &str, field: &str) -> String {
    format!("{at}.{}", json::short(field))
}
