//! What OpenSearch calls the fields of a memory, and where a mapping has them.

use lethe_common::config::Table;
use lethe_common::filter::{Path, Scalar};

/// Where a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// It is the memory's id.
    Id,
    /// It is the container, which the request names already.
    Container,
    /// In a column, or in the JSON inside one.
    At(Path),
}

/// Returns where a table has a field; what is mapped under `fields` goes first.
pub(super) fn find(table: &Table, name: &str) -> Option<Known> {
    if let Some(field) = table.field(name) {
        return Some(Known::At(field.into()));
    }
    let columns = table.columns.as_ref()?;
    let column = match name {
        "_id" => return Some(Known::Id),
        "memory_container_id" => return Some(Known::Container),
        // Where owners are references, their names are in another table.
        "owner_id" => columns.user.as_ref().filter(|_| columns.owners.is_none()),
        "agent_id" => columns.agent.as_ref(),
        "session_id" => columns.run.as_ref(),
        "memory_type" => columns.kind.as_ref(),
        "created_time" => columns.created_at.as_ref(),
        "last_updated_time" => columns.updated_at.as_ref(),
        _ => None,
    };
    column.map(|column| Known::At(Path::column(column)))
}

/// Returns an id as it is written; `None` for what cannot be one.
pub(super) fn text(value: Scalar) -> Option<String> {
    match value {
        Scalar::Text(text) => Some(text),
        Scalar::Integer(number) => Some(number.to_string()),
        Scalar::Float(_) | Scalar::Bool(_) => None,
    }
}
