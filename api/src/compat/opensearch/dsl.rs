//! OpenSearch's query DSL, read into the filter language inside.
//!
//! Whatever is not understood to its last word is refused and named: nothing is deleted by a query
//! that was only half understood. Fields are keywords here: `match` and `match_phrase` compare whole
//! values, byte for byte, as OpenSearch does on keyword fields.

mod keyword;
mod moment;
mod nested;
mod protect;
mod range;
#[cfg(test)]
mod tests;
mod wildcard;

use jiff::Timestamp;
use lethe_common::config::Table;
use lethe_common::filter::{Filter, Has, Path, Scalar};
use serde_json::{Map, Value};

use super::fields::{self, Known};
use crate::deletion::query;
use crate::http::json::short;
use crate::http::problem::{Kind, Problem};

/// What queries may be, in OpenSearch's words; the rest is refused.
const QUERIES: &str =
    "match_all, match_none, term, terms, match, match_phrase, prefix, wildcard, range, exists, ids, bool, nested";

/// The fields that are keywords in OpenSearch's own indexes of memories.
const KEYWORDS: [&str; 6] = [
    "_id",
    "owner_id",
    "agent_id",
    "session_id",
    "memory_type",
    "memory_container_id",
];

/// How often values of one query may mean something else in other columns. More of them are compared as they are:
/// nobody names moments by the hundred.
const OTHERS: usize = 200;

/// Reads a query about the memories of `table` in `container`, as it is meant at `now`.
pub(super) fn read(query: &Value, table: &Table, container: &str, now: Timestamp) -> Result<Filter, Problem> {
    let reader = Reader {
        table,
        container,
        now,
        negated: false,
        excludes: false,
    };
    let filter = reader.query(query, 0)?;
    filter.check().map_err(|error| refused(&error.to_string()))?;
    if filter.constant() == Some(true) && !says_all(query) {
        return Err(refused("this matches everything: write match_all if it is meant to"));
    }
    Ok(filter)
}

/// Returns whether a query says `match_all` somewhere: what is true of every memory is not enough.
fn says_all(query: &Value) -> bool {
    match query {
        Value::Object(object) => object
            .iter()
            .any(|(name, value)| name == "match_all" || says_all(value)),
        Value::Array(list) => list.iter().any(says_all),
        _ => false,
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    table: &'a Table,
    container: &'a str,
    now: Timestamp,
    /// Whether what is read is under a negation.
    negated: bool,
    /// Whether what matches is kept: not if it is under two negations.
    excludes: bool,
}

impl Reader<'_> {
    fn query(&self, query: &Value, depth: usize) -> Result<Filter, Problem> {
        if depth > lethe_common::filter::NESTING {
            return Err(refused("the query nests too deep"));
        }
        let (name, body) = only(query, "query")?;
        let filter = self.named(name, body, depth)?;
        if self.table.columns.is_none() {
            let asked = filter.check_points();
            asked.map_err(|error| refused(&format!("[{name}] cannot be asked: {error}")))?;
        }
        Ok(filter)
    }

    fn named(&self, name: &str, body: &Value, depth: usize) -> Result<Filter, Problem> {
        match name {
            "match_all" => empty(name, body).map(|()| Filter::All),
            "match_none" => empty(name, body).map(|()| Filter::Nothing),
            "term" => self.compared(name, body, "value"),
            "match" | "match_phrase" => self.matched(name, body),
            "terms" => self.terms(body),
            "prefix" => self.prefix(body),
            "wildcard" => self.wildcard(body),
            "range" => self.range(body),
            "exists" => self.exists(body),
            "ids" => ids(body),
            "bool" => self.bool(body, depth),
            "nested" => self.nested(body, depth),
            other => {
                let other = short(other);
                Err(refused(&format!("unknown query [{other}]: write one of {QUERIES}")))
            }
        }
    }

    fn compared(&self, query: &str, body: &Value, word: &str) -> Result<Filter, Problem> {
        let (field, value) = value(query, body, word)?;
        self.one_of(query, field, vec![scalar(query, value)?])
    }

    /// Under a negation a field that OpenSearch may have analysed would protect less here than there.
    fn matched(&self, query: &str, body: &Value) -> Result<Filter, Problem> {
        let (field, value) = value(query, body, "query")?;
        if self.negated && value.is_string() && !KEYWORDS.contains(&field) {
            return Err(refused(&format!(
                "[{query}] compares whole values here, which under must_not may protect too little: write [term] for \
                 whole values, or [wildcard] with *text* for parts of them"
            )));
        }
        self.compared(query, body, "query")
    }

    fn prefix(&self, body: &Value) -> Result<Filter, Problem> {
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

    fn terms(&self, body: &Value) -> Result<Filter, Problem> {
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

    fn one_of(&self, query: &str, field: &str, values: Vec<Scalar>) -> Result<Filter, Problem> {
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
                let filter = self.values(field, &path, values);
                return self.protecting(query, field, &path, filter);
            }
        })
    }

    fn values(&self, field: &str, path: &Path, values: Vec<Scalar>) -> Filter {
        let one_of = |values| Filter::OneOf {
            path: path.clone(),
            values,
        };
        // JSON has types where OpenSearch's keywords have none.
        if !path.steps.is_empty() || self.table.columns.is_none() {
            let keywords = values.into_iter().flat_map(|value| keyword::same(value, self.excludes));
            return one_of(keywords.collect());
        }
        if KEYWORDS.contains(&field) {
            return one_of(values);
        }
        let moments = values.iter().filter_map(|value| self.of_moment(path, value));
        let twins = values
            .iter()
            .filter(|_| self.excludes)
            .flat_map(|value| keyword::twins(path, value));
        let mut any: Vec<Filter> = moments.chain(twins).take(OTHERS).collect();
        if any.is_empty() {
            return one_of(values);
        }
        any.insert(0, one_of(values));
        Filter::Or { any, at_least: 1 }
    }

    fn exists(&self, body: &Value) -> Result<Filter, Problem> {
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

    fn bool(&self, body: &Value, depth: usize) -> Result<Filter, Problem> {
        let Value::Object(object) = body else {
            return Err(refused("[bool] needs an object"));
        };
        allowed(
            "bool",
            object,
            &["must", "filter", "should", "must_not", "minimum_should_match", "boost"],
        )?;
        let clauses = |name: &str| -> Result<Vec<Filter>, Problem> {
            let is_negation = name == "must_not";
            let reader = Self {
                negated: self.negated || is_negation,
                excludes: self.excludes != is_negation,
                ..*self
            };
            match object.get(name) {
                None => Ok(Vec::new()),
                Some(Value::Array(list)) => list.iter().map(|query| reader.query(query, depth + 1)).collect(),
                Some(query) => Ok(vec![reader.query(query, depth + 1)?]),
            }
        };
        let mut all = [clauses("must")?, clauses("filter")?].concat();
        let should = clauses("should")?;
        let not = clauses("must_not")?;
        if all.is_empty() && should.is_empty() && not.is_empty() {
            // OpenSearch takes it for everything.
            return Err(refused("[bool] has no clauses: write match_all if everything is meant"));
        }
        let needed = match object.get("minimum_should_match") {
            None => 0,
            Some(value) => {
                let whole = value
                    .as_u64()
                    .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
                whole.ok_or_else(|| refused("[minimum_should_match] is a whole number here"))?
            }
        };
        // With nothing else that has to match, one of them has to, whatever is said: `0` sets nothing in
        // OpenSearch's `Queries.applyMinimumShouldMatch`, and Lucene's `BooleanQuery` decides.
        let least = u64::from(all.is_empty() && !should.is_empty());
        let at_least = u32::try_from(needed.max(least)).unwrap_or(u32::MAX);
        if at_least > 0 {
            all.push(if at_least as usize > should.len() {
                Filter::Nothing
            } else {
                Filter::Or { any: should, at_least }
            });
        }
        all.extend(not.into_iter().map(|filter| Filter::Not(Box::new(filter))));
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Filter::And(all)
        })
    }

    fn path(&self, field: &str, query: &str) -> Result<Path, Problem> {
        match self.field(field)? {
            Known::At(path) => Ok(path),
            Known::Id | Known::Container => {
                let field = short(field);
                Err(refused(&format!("[{query}] is not supported on [{field}]")))
            }
        }
    }

    fn field(&self, name: &str) -> Result<Known, Problem> {
        fields::find(self.table, name).ok_or_else(|| {
            let name = short(name);
            refused(&format!(
                "unknown field [{name}]: the configuration maps no column for it"
            ))
        })
    }
}

fn ids(body: &Value) -> Result<Filter, Problem> {
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

/// Reads `{"field": value}` or `{"field": {"<word>": value}}`.
fn value<'v>(query: &str, body: &'v Value, word: &str) -> Result<(&'v str, &'v Value), Problem> {
    let (field, value) = only(body, query)?;
    let Value::Object(object) = value else {
        return Ok((field, value));
    };
    allowed(query, object, &[word, "boost"])?;
    let value = object.get(word);
    value
        .map(|value| (field, value))
        .ok_or_else(|| refused(&format!("[{query}] needs [{word}]")))
}

/// Returns the one entry of an object.
fn only<'v>(value: &'v Value, query: &str) -> Result<(&'v str, &'v Value), Problem> {
    let Value::Object(object) = value else {
        return Err(refused(&format!("[{query}] needs an object")));
    };
    let mut entries = object.iter();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (None, _) => Err(refused(&format!("[{query}] is empty"))),
        _ => Err(refused(&format!(
            "[{query}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"
        ))),
    }
}

fn empty(query: &str, body: &Value) -> Result<(), Problem> {
    match body {
        Value::Object(object) => allowed(query, object, &["boost"]),
        _ => Err(refused(&format!("[{query}] needs an object"))),
    }
}

/// Refuses parameters of a query that are not understood.
fn allowed(query: &str, object: &Map<String, Value>, names: &[&str]) -> Result<(), Problem> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let name = short(name);
            Err(refused(&format!("[{query}] query does not support [{name}]")))
        }
    }
}

fn scalar(query: &str, value: &Value) -> Result<Scalar, Problem> {
    query::scalar(value).ok_or_else(|| {
        let what = if value.is_number() {
            "numbers of 64 bits"
        } else {
            "texts, numbers, true and false"
        };
        refused(&format!("[{query}] takes {what}"))
    })
}

/// Returns the problem of a query.
pub(super) fn refused(what: &str) -> Problem {
    Problem::new(Kind::BadQuery, what)
}
