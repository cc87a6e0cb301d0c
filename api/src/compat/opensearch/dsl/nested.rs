//! `nested`: conditions on one element of a list.
//!
//! A filter tests whether any element meets one condition. So a single condition is the same nested or not, and so is
//! one of several. A filter cannot require several conditions of the same element.

use lethe_common::filter::{Filter, Path};
use serde_json::Value;

use super::reader::Reader;
use super::syntax::{allowed, refused};
use crate::http::problem::Problem;

impl Reader<'_> {
    pub(super) fn nested(&self, body: &Value, depth: usize) -> Result<Filter, Problem> {
        let Value::Object(object) = body else {
            return Err(refused("[nested] needs an object"));
        };
        allowed("nested", object, &["path", "query", "score_mode", "boost"])?;
        let Some(Value::String(name)) = object.get("path") else {
            return Err(refused("[nested] requires 'path' field"));
        };
        let Some(query) = object.get("query") else {
            return Err(refused("[nested] requires 'query' field"));
        };
        let below = self.path(name, "nested")?;
        let filter = self.query(query, depth + 1)?;
        if is_of_one_element(&filter, &below) {
            return Ok(filter);
        }
        Err(refused(
            "[nested] takes one condition on a field below its path, or a bool with should clauses: \
             several conditions on one element are not supported",
        ))
    }
}

fn is_of_one_element(filter: &Filter, below: &Path) -> bool {
    match filter {
        Filter::Or { any, at_least: 1 } => any.iter().all(|part| is_of_one_element(part, below)),
        Filter::OneOf { path, .. }
        | Filter::Range { path, .. }
        | Filter::Text { path, .. }
        | Filter::Exists(path)
        | Filter::Opaque(path) => {
            path.column == below.column && path.steps.len() > below.steps.len() && path.steps.starts_with(&below.steps)
        }
        _ => false,
    }
}
