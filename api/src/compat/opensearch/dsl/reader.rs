//! The context for reading a query: the table, the container, the enclosing clauses.

use jiff::Timestamp;
use lethe_common::config::Table;
use lethe_common::filter::Path;

use super::syntax::refused;
use crate::compat::opensearch::fields::{self, Known};
use crate::http::json::short;
use crate::http::problem::Problem;

/// The fields that are keywords in OpenSearch's own indexes of memories.
pub(super) const KEYWORDS: [&str; 6] = [
    "_id",
    "owner_id",
    "agent_id",
    "session_id",
    "memory_type",
    "memory_container_id",
];

/// The context for reading a query.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) table: &'a Table,
    pub(super) container: &'a str,
    pub(super) now: Timestamp,
    /// Whether the clause is inside a negation.
    pub(super) negated: bool,
    /// Whether matching memories are kept: true under an odd number of negations.
    pub(super) excludes: bool,
}

impl Reader<'_> {
    pub(super) fn path(&self, field: &str, query: &str) -> Result<Path, Problem> {
        match self.field(field)? {
            Known::At(path) => Ok(path),
            Known::Id | Known::Container => {
                let field = short(field);
                Err(refused(&format!("[{query}] is not supported on [{field}]")))
            }
        }
    }

    pub(super) fn field(&self, name: &str) -> Result<Known, Problem> {
        fields::find(self.table, name).ok_or_else(|| {
            let name = short(name);
            refused(&format!(
                "unknown field [{name}]: the configuration maps no column for it"
            ))
        })
    }
}
