//! A query as a whole, and the supported kinds of queries.

use jiff::Timestamp;
use lethe_common::config::Table;
use lethe_common::filter::Filter;
use serde_json::Value;

use super::compared::ids;
use super::reader::Reader;
use super::syntax::{empty, only, refused};
use crate::http::json::short;
use crate::http::problem::Problem;

/// The supported kinds of queries, by OpenSearch's names. Others are refused.
const QUERIES: &str =
    "match_all, match_none, term, terms, match, match_phrase, prefix, wildcard, range, exists, ids, bool, nested";

/// Reads a query on the memories of `table` in `container`. Date math starts at `now`.
pub(in crate::compat::opensearch) fn read(
    query: &Value,
    table: &Table,
    container: &str,
    now: Timestamp,
) -> Result<Filter, Problem> {
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
        return Err(refused(
            "this query matches every memory: write match_all to delete all",
        ));
    }
    Ok(filter)
}

/// Returns whether a query contains `match_all`. A filter that matches every memory is not enough.
fn says_all(query: &Value) -> bool {
    match query {
        Value::Object(object) => object
            .iter()
            .any(|(name, value)| name == "match_all" || says_all(value)),
        Value::Array(list) => list.iter().any(says_all),
        _ => false,
    }
}

impl Reader<'_> {
    pub(super) fn query(&self, query: &Value, depth: usize) -> Result<Filter, Problem> {
        if depth > lethe_common::filter::NESTING {
            return Err(refused("the query nests too deep"));
        }
        let (name, body) = only(query, "query")?;
        let filter = self.named(name, body, depth)?;
        if self.table.columns.is_none() {
            let asked = filter.check_points();
            asked.map_err(|error| refused(&format!("[{name}] is not supported here: {error}")))?;
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
}
