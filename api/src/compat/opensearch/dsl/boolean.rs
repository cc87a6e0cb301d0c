//! The `bool` query.

use lethe_common::filter::Filter;
use serde_json::Value;

use super::reader::Reader;
use super::syntax::{allowed, refused};
use crate::http::problem::Problem;

impl Reader<'_> {
    pub(super) fn bool(&self, body: &Value, depth: usize) -> Result<Filter, Problem> {
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
            // OpenSearch matches everything here.
            return Err(refused("[bool] has no clauses: write match_all to delete all"));
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
        // Without `must` and `filter` one `should` clause has to match, even with `0`: OpenSearch's
        // `Queries.applyMinimumShouldMatch` ignores `0`, and Lucene's `BooleanQuery` decides.
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
}
