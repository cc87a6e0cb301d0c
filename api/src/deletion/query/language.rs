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

/// A filter: an object with one operator. The fields are `id`, `user_id`, `agent_id`, `app_id`, `run_id`, `workspace`,
/// `kind`, `version`, `created_at` and `updated_at`, if the table maps columns for them (or payload, if it has only
/// vectors). The table's `fields` add further names. Dots lead into a field that holds JSON. A missing value matches
/// nothing. One matching element of a list is enough. Texts compare byte for byte. A table with only vectors supports
/// no `prefix`, no `contains`, no bounds that are texts, and no number of 2^53 or more.
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
    /// Every memory: `true`. Other filters that match every memory are refused.
    All(bool),
    /// All of these filters match. Give at least one.
    #[schema(no_recursion)]
    And(Vec<Query>),
    /// At least one of these filters matches. Give at least one.
    #[schema(no_recursion)]
    Or(Vec<Query>),
    /// This filter does not match.
    #[schema(no_recursion)]
    Not(Box<Query>),
    /// A field has this value: `{"user_id": "ana"}`.
    #[schema(value_type = std::collections::BTreeMap<String, Term>)]
    Eq(One<Term>),
    /// A field has one of these values: `{"kind": ["note", "fact"]}`.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<Term>>)]
    In(One<Vec<Term>>),
    /// A field is within bounds: `{"created_at": {"gte": "2025-01-01", "lt": "2026-01-01"}}`. A moment is an RFC 3339
    /// text, a date, or milliseconds since 1970. A column of numbers takes numbers, or moments if the mapping says its
    /// unit. `{"created_at": {"lt": {"ago": "90d"}}}` is a moment before the acceptance of the job. Texts that hold
    /// moments are compared as moments.
    #[schema(value_type = std::collections::BTreeMap<String, Limits>)]
    Range(One<Object<Limits>>),
    /// The field with this name has a value.
    Exists(String),
    /// A field's text begins with this: `{"memory": "The user"}`.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    Prefix(One<String>),
    /// A field's text contains this: `{"memory": "birthday"}`.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    Contains(One<String>),
}

/// The bounds, all numbers or all texts. Give at least one. All given bounds must hold.
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

// An unknown operator is refused while it is read as a key, so the error has its place.
impl<'de> Deserialize<'de> for Operator {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        name.parse().map_err(|_| D::Error::unknown_field(&name, Self::VARIANTS))
    }
}

/// Returns a list of names for an error text.
pub(super) fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
