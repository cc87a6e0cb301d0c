//! Filters as callers write them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize as Derive, Serialize};
use strum::{EnumDiscriminants, EnumString, VariantNames};
use utoipa::ToSchema;

use super::bound::Bound;
use super::one::One;
use super::term::{self, Term};
use crate::http::json::given;
use crate::http::object::Object;

/// A filter: an object of one operator. Fields are called `id`, `user_id`, `agent_id`, `app_id`,
/// `run_id`, `workspace`, `kind`, `version`, `created_at`, `updated_at`, as far as the table maps
/// columns for them (payload, where it has only vectors), or what the table's `fields` call them; a field
/// that holds JSON is led into with dots. A value that is missing matches nothing. Of a list one element
/// that matches is enough. Texts compare byte for byte. Of a table that has only vectors no `prefix` or
/// `contains`, no bounds that are texts, and no number of 2^53 or more can be asked.
#[derive(Serialize, ToSchema, EnumDiscriminants)]
#[serde(rename_all = "snake_case")]
#[strum_discriminants(
    name(Operator),
    derive(EnumString, VariantNames),
    strum(serialize_all = "snake_case"),
    vis(),
    doc = "What a filter does."
)]
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
    pub(super) gt: Option<Bound>,
    /// This or more.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) gte: Option<Bound>,
    /// Less than this.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) lt: Option<Bound>,
    /// This or less.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) lte: Option<Bound>,
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
        write!(f, "an object of one of {}", listed(Operator::VARIANTS))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Query, A::Error> {
        let Some(operator) = map.next_key()? else {
            return Err(A::Error::invalid_length(0, &self));
        };
        let query = match operator {
            Operator::All => map.next_value().map(|term::True| Query::All(true))?,
            Operator::And => Query::And(map.next_value()?),
            Operator::Or => Query::Or(map.next_value()?),
            Operator::Not => Query::Not(map.next_value()?),
            Operator::Eq => Query::Eq(map.next_value()?),
            Operator::In => Query::In(map.next_value()?),
            Operator::Range => Query::Range(map.next_value()?),
            Operator::Exists => Query::Exists(map.next_value()?),
            Operator::Prefix => Query::Prefix(map.next_value()?),
            Operator::Contains => Query::Contains(map.next_value()?),
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(query),
            Some(_) => Err(A::Error::invalid_length(2, &self)),
        }
    }
}

// Refused while it is read as a key, for its place to be known.
impl<'de> Deserialize<'de> for Operator {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        name.parse().map_err(|_| D::Error::unknown_field(&name, Self::VARIANTS))
    }
}

/// Returns names one after another, for people.
pub(super) fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
