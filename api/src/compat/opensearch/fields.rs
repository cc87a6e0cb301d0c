//! OpenSearch's names for the fields of a memory, and their places in a mapping.

use lethe_common::config::{Collection, Columns, Table};
use lethe_common::filter::Path;
use lethe_common::job::Field;

/// The place of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// The memory's id.
    Id,
    /// The container, which the request already names.
    Container,
    /// A column, a payload field, or a path in its JSON.
    At(Path),
}

/// Returns the place of a field in a table. The mapping's `fields` take precedence.
pub(super) fn find(table: &Table, name: &str) -> Option<Known> {
    if let Some(field) = table.field(name) {
        return Some(Known::At(field.into()));
    }
    match (name, &table.columns, &table.collection) {
        ("_id", ..) => Some(Known::Id),
        ("memory_container_id", ..) => Some(Known::Container),
        (_, Some(columns), _) => in_columns(columns, name),
        (_, None, Some(collection)) => in_payload(collection, name),
        (_, None, None) => None,
    }
}

fn in_columns(columns: &Columns, name: &str) -> Option<Known> {
    let column = match name {
        "owner_id" => return columns.owner().map(Known::At),
        "agent_id" => columns.agent.as_ref(),
        "session_id" => columns.run.as_ref(),
        "memory_type" => columns.kind.as_ref(),
        "created_time" => columns.created_at.as_ref(),
        "last_updated_time" => columns.updated_at.as_ref(),
        _ => None,
    };
    column.map(|column| Known::At(Path::column(column)))
}

fn in_payload(collection: &Collection, name: &str) -> Option<Known> {
    let field = match name {
        "owner_id" => Field::User,
        "agent_id" => Field::Agent,
        "session_id" => Field::Run,
        "memory_type" => Field::Kind,
        _ => return None,
    };
    Some(Known::At(collection.payload.path(field)?.into()))
}

/// Returns the name of a column in queries, or else its own name.
pub(super) fn called(table: &Table, column: &str) -> String {
    let is_at = |name: &str| match find(table, name) {
        Some(Known::At(path)) => path.steps.is_empty() && path.column.eq_ignore_ascii_case(column),
        _ => false,
    };
    let named = table.fields.keys().map(String::as_str);
    let found = OWN.into_iter().chain(named).find(|name| is_at(name));
    found.unwrap_or(column).to_owned()
}

/// OpenSearch's names for the columns that every mapping may have.
const OWN: [&str; 6] = [
    "owner_id",
    "agent_id",
    "session_id",
    "memory_type",
    "created_time",
    "last_updated_time",
];
