//! Queries that compare a field with values, and `exists`.

use lethe_common::filter::{Filter, Has, Path, Scalar};
use serde_json::Value;

use super::keyword;
use super::reader::{KEYWORDS, Reader};
use super::syntax::{allowed, refused, scalar, value};
use crate::compat::opensearch::fields::Known;
use crate::http::problem::Problem;

/// The most extra conditions per query, for values with another meaning in some columns. Each is a condition of the
/// statement, and a whole filter has at most 1,024.
const OTHERS: usize = 1_000;

impl Reader<'_> {
    pub(super) fn compared(&self, query: &str, body: &Value, word: &str) -> Result<Filter, Problem> {
        let (field, value) = value(query, body, word)?;
        self.one_of(query, field, vec![scalar(query, value)?])
    }

    /// Refuses, under a negation, a field that OpenSearch may analyse: it would keep fewer memories here.
    pub(super) fn matched(&self, query: &str, body: &Value) -> Result<Filter, Problem> {
        let (field, value) = value(query, body, "query")?;
        if self.negated && value.is_string() && !KEYWORDS.contains(&field) {
            return Err(refused(&format!(
                "[{query}] compares whole values here, which under must_not may protect too little: write [term] for \
                 whole values, or [wildcard] with *text* for parts of them"
            )));
        }
        self.compared(query, body, "query")
    }

    pub(super) fn prefix(&self, body: &Value) -> Result<Filter, Problem> {
        let (field, value) = value("prefix", body, "value")?;
        let Value::String(text) = value else {
            return Err(refused("[prefix] takes a text"));
        };
        self.text("prefix", field, Has::Prefix, text)
    }

    pub(super) fn text(&self, query: &str, field: &str, has: Has, text: &str) -> Result<Filter, Problem> {
        let path = self.path(field, query)?;
        let filter = self.with_keywords(query, &path, has, text)?;
        self.protecting(query, field, &path, filter)
    }

    pub(super) fn terms(&self, body: &Value) -> Result<Filter, Problem> {
        let Value::Object(object) = body else {
            return Err(refused("[terms] needs an object"));
        };
        let mut fields = object.iter().filter(|(name, _)| *name != "boost");
        let (Some((field, values)), None) = (fields.next(), fields.next()) else {
            return Err(refused("[terms] query requires one field"));
        };
        let Value::Array(values) = values else {
            return Err(refused("[terms] needs a list of values"));
        };
        let values = values.iter().map(|value| scalar("terms", value));
        self.one_of("terms", field, values.collect::<Result<_, _>>()?)
    }

    pub(super) fn one_of(&self, query: &str, field: &str, values: Vec<Scalar>) -> Result<Filter, Problem> {
        if values.is_empty() {
            return Ok(Filter::Nothing);
        }
        Ok(match self.field(field)? {
            Known::Id => {
                let ids: Option<Vec<String>> = values.into_iter().map(Scalar::into_id).collect();
                Filter::Ids(ids.ok_or_else(|| refused("[_id] takes texts and whole numbers"))?)
            }
            Known::Container => {
                let ours = Scalar::from(self.container);
                if values.contains(&ours) {
                    Filter::All
                } else {
                    Filter::Nothing
                }
            }
            Known::At(path) => {
                let filter = self.values(query, field, &path, values)?;
                return self.protecting(query, field, &path, filter);
            }
        })
    }

    fn values(&self, query: &str, field: &str, path: &Path, values: Vec<Scalar>) -> Result<Filter, Problem> {
        let one_of = |values| Filter::OneOf {
            path: path.clone(),
            values,
        };
        // Values in JSON have types, and OpenSearch's keywords have none.
        if !path.steps.is_empty() || self.table.columns.is_none() {
            let keywords = values.into_iter().flat_map(|value| keyword::same(value, self.excludes));
            return Ok(one_of(keywords.collect()));
        }
        if KEYWORDS.contains(&field) {
            return Ok(one_of(values));
        }
        let moments = values.iter().filter_map(|value| self.of_moment(path, value));
        let twins = values
            .iter()
            .filter(|_| self.excludes)
            .flat_map(|value| keyword::twins(path, value));
        let mut any: Vec<Filter> = moments.chain(twins).take(OTHERS + 1).collect();
        if any.is_empty() {
            return Ok(one_of(values));
        }
        // A value without its extra condition would match too little, and protect too little under a negation.
        if any.len() > OTHERS {
            return Err(self.too_many(query));
        }
        any.insert(0, one_of(values));
        Ok(Filter::Or { any, at_least: 1 })
    }

    /// Returns the problem of a query with too many values that may be dates or numbers.
    fn too_many(&self, query: &str) -> Problem {
        // A value has two extra conditions at most.
        let most = OTHERS / 2;
        let what = if self.excludes {
            format!(
                "[{query}] has too many dates and numbers under must_not: write at most {most}, or a [range]. Two queries \
                 would each delete what the other one keeps"
            )
        } else {
            format!("[{query}] has too many dates and numbers: write at most {most} in a query, or a [range]")
        };
        refused(&what)
    }

    pub(super) fn exists(&self, body: &Value) -> Result<Filter, Problem> {
        let Value::Object(object) = body else {
            return Err(refused("[exists] needs an object"));
        };
        allowed("exists", object, &["field", "boost"])?;
        let Some(Value::String(field)) = object.get("field") else {
            return Err(refused("[exists] must be provided with a [field]"));
        };
        Ok(match self.field(field)? {
            Known::Id | Known::Container => Filter::All,
            Known::At(path) => Filter::Exists(path),
        })
    }
}

/// Reads `ids`.
pub(super) fn ids(body: &Value) -> Result<Filter, Problem> {
    let Value::Object(object) = body else {
        return Err(refused("[ids] needs an object"));
    };
    allowed("ids", object, &["values", "boost"])?;
    let Some(Value::Array(values)) = object.get("values") else {
        return Err(refused("[ids] requires providing a values element"));
    };
    let ids = values.iter().map(|value| match value {
        Value::String(id) => Ok(id.clone()),
        Value::Number(id) => Ok(id.to_string()),
        _ => Err(refused("[ids] takes a list of texts")),
    });
    let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
    Ok(if ids.is_empty() {
        Filter::Nothing
    } else {
        Filter::Ids(ids)
    })
}
