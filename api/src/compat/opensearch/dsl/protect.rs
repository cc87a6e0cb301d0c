//! The memories that a negation has to keep.
//!
//! A query on the root of an object does not see the values inside. Under `must_not` it would keep nothing, while
//! OpenSearch compares every value of a `flat_object`.

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
    /// Refuses a query on the root of an object under a negation. On other fields a negation keeps memories with an
    /// object or a list in a list there.
    pub(super) fn protecting(&self, query: &str, field: &str, path: &Path, filter: Filter) -> Result<Filter, Problem> {
        if self.negated && OBJECTS.contains(&field) {
            let field = short(field);
            return Err(refused(&format!(
                "[{query}] under must_not needs a field inside the object [{field}], such as [{field}.name]"
            )));
        }
        if !self.excludes || KEYWORDS.contains(&field) || TIMES.contains(&field) {
            return Ok(filter);
        }
        let any = vec![filter, Filter::Opaque(path.clone())];
        Ok(Filter::Or { any, at_least: 1 })
    }
}
