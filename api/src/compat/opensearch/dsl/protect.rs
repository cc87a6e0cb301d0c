//! What a negation has to keep.
//!
//! A query about the root of an object says nothing about the values inside here: under `must_not` it would keep
//! nothing, where OpenSearch looks at every value of a `flat_object`.

use lethe_common::filter::{Filter, Path};

use super::reader::{KEYWORDS, Reader};
use super::syntax::refused;
use crate::http::json::short;
use crate::http::problem::Problem;

/// The fields that are objects in OpenSearch's own indexes of memories.
const OBJECTS: [&str; 6] = [
    "additional_info",
    "metadata",
    "namespace",
    "parameters",
    "structured_data",
    "tags",
];

/// The fields whose columns never hold JSON.
const TIMES: [&str; 2] = ["created_time", "last_updated_time"];

impl Reader<'_> {
    /// Refuses a query about the root of an object under a negation. Whatever else has an
    /// object there, or a list in a list, is kept.
    pub(super) fn protecting(&self, query: &str, field: &str, path: &Path, filter: Filter) -> Result<Filter, Problem> {
        if self.negated && OBJECTS.contains(&field) {
            let field = short(field);
            return Err(refused(&format!(
                "[{query}] on [{field}], an object, keeps nothing under must_not: name a field inside, as in \
                 [{field}.name]"
            )));
        }
        if !self.excludes || KEYWORDS.contains(&field) || TIMES.contains(&field) {
            return Ok(filter);
        }
        let any = vec![filter, Filter::Opaque(path.clone())];
        Ok(Filter::Or { any, at_least: 1 })
    }
}
