//! The filter language of `POST /v1/jobs`, and how it is read into the one inside.
//!
//! Each filter is an object of one operator; `and`, `or` and `not` hold others. Whatever is not known
//! is refused by its place: nothing is erased by a query that was half understood.

mod bound;
mod fields;
mod one;
mod term;

use std::fmt;

use lethe_common::config::Table;
use lethe_common::filter::{Bounds, Filter, Has, Path, Scalar};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize as Derive, Serialize};
use utoipa::ToSchema;

use crate::http::json::{self, given};
use crate::http::object::Object;
use crate::http::problem::Problem;
use bound::Bound;
use fields::Known;
use jiff::Timestamp;
use one::One;
use term::Term;

pub(crate) use term::scalar;

/// Where a query is in the body.
pub(crate) const PLACE: &str = "select.query";

const OPERATORS: &[&str] = &[
    "all", "and", "or", "not", "eq", "in", "range", "exists", "prefix", "contains",
];

/// A filter: an object of one operator. Fields are called `id`, `user_id`, `agent_id`, `app_id`,
/// `run_id`, `workspace`, `kind`, `version`, `created_at`, `updated_at`, as far as the table maps
/// columns for them (payload, where it has only vectors), or what the table's `fields` call them; a field
/// that holds JSON is led into with dots. A value that is missing matches nothing. Of a list one element
/// that matches is enough. Texts compare byte for byte. Of a table that has only vectors no `prefix` or
/// `contains`, no bounds that are texts, and no number of 2^53 or more can be asked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Query {
    /// Every memory: `true`. Whatever else would match every memory is refused.
    All(bool),
    /// All of these match; at least one.
    #[schema(no_recursion)]
    And(Vec<Query>),
    /// One of these matches; at least one.
    #[schema(no_recursion)]
    Or(Vec<Query>),
    /// This does not match.
    #[schema(no_recursion)]
    Not(Box<Query>),
    /// A field has this value: `{"user_id": "ana"}`.
    #[schema(value_type = std::collections::BTreeMap<String, Term>)]
    Eq(One<Term>),
    /// A field has one of these values: `{"kind": ["note", "fact"]}`.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<Term>>)]
    In(One<Vec<Term>>),
    /// A field is within bounds: `{"created_at": {"gte": "2025-01-01", "lt": "2026-01-01"}}`. Moments are
    /// texts as RFC 3339 has them, dates, or milliseconds since 1970; in a column of numbers, numbers, or
    /// moments where the mapping says what it counts. `{"created_at": {"lt": {"ago": "90d"}}}` is a moment
    /// before the acceptance of the job. Texts that write moments are compared as such.
    #[schema(value_type = std::collections::BTreeMap<String, Limits>)]
    Range(One<Object<Limits>>),
    /// A field has a value: its name.
    Exists(String),
    /// A field's text begins with this: `{"memory": "The user"}`.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    Prefix(One<String>),
    /// A field's text has this in it: `{"memory": "birthday"}`.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    Contains(One<String>),
}

/// Bounds: at least one, all numbers or all texts; all that are given hold.
#[derive(Serialize, Derive, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Bounds, min_properties = 1)]
pub(crate) struct Limits {
    /// More than this.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    gt: Option<Bound>,
    /// This or more.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    gte: Option<Bound>,
    /// Less than this.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lt: Option<Bound>,
    /// This or less.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lte: Option<Bound>,
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OneOperator)
    }
}

struct OneOperator;

impl<'de> Visitor<'de> for OneOperator {
    type Value = Query;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of one of {}", listed(OPERATORS))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Query, A::Error> {
        let Some(Operator(operator)) = map.next_key()? else {
            return Err(A::Error::invalid_length(0, &self));
        };
        let query = match operator {
            "all" => map.next_value().map(|term::True| Query::All(true))?,
            "and" => Query::And(map.next_value()?),
            "or" => Query::Or(map.next_value()?),
            "not" => Query::Not(map.next_value()?),
            "eq" => Query::Eq(map.next_value()?),
            "in" => Query::In(map.next_value()?),
            "range" => Query::Range(map.next_value()?),
            "exists" => Query::Exists(map.next_value()?),
            "prefix" => Query::Prefix(map.next_value()?),
            _ => Query::Contains(map.next_value()?),
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(query),
            Some(_) => Err(A::Error::invalid_length(2, &self)),
        }
    }
}

/// One of [`OPERATORS`].
// Refused while it is read as a key, for its place to be known.
struct Operator(&'static str);

impl<'de> Deserialize<'de> for Operator {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let known = OPERATORS.iter().find(|known| **known == name);
        known
            .map(|known| Self(known))
            .ok_or_else(|| D::Error::unknown_field(&name, OPERATORS))
    }
}

/// Reads a query about the memories of `table`, as it is meant at `now`.
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
            // What cannot be an id is nobody's.
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

    /// Returns what is asked of a field.
    fn leaf(&self, at: &str, field: &str, filter: impl FnOnce(Path) -> Filter) -> Result<Filter, Problem> {
        let at = of(at, field);
        match self.field(&at, field)? {
            Known::At(path) => self.checked(&at, filter(path)),
            Known::Id => {
                let what = "of a table that has only vectors, ids are asked for by `eq` and `in` alone";
                Err(Problem::invalid(&at, what))
            }
        }
    }

    fn field(&self, at: &str, field: &str) -> Result<Known, Problem> {
        fields::find(self.table, field).ok_or_else(|| {
            let what = format_args!(
                "table `{}` maps no field of this name: name one of {}",
                self.table.name,
                listed(&fields::names(self.table))
            );
            Problem::invalid(at, what)
        })
    }

    /// Refuses a filter that must not become a job. Parts are checked by themselves as well: what is wrong
    /// has a place then.
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

fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
