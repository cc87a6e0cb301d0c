//! The names of a table's fields in queries: columns, or payload fields if the table has only vectors.

use lethe_common::config::{Collection, Columns, Table};
use lethe_common::filter::Path;
use lethe_common::job::Field;
use strum::IntoEnumIterator as _;

use crate::deletion::placement;

/// The place of a field.
pub(super) enum Known {
    /// The memory's id, if no column holds it.
    Id,
    /// A column, a payload field, or a path in its JSON.
    At(Path),
}

/// The name of the id in queries.
const ID: &str = "id";

/// Returns the place of a field. The mapping's `fields` take precedence.
pub(super) fn find(table: &Table, name: &str) -> Option<Known> {
    if let Some(field) = table.field(name) {
        return Some(Known::At(field.into()));
    }
    mapped(table)
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, at)| at)
}

/// Returns the names of a table's fields in queries.
pub(super) fn names(table: &Table) -> Vec<&str> {
    let mapped = mapped(table).into_iter().map(|(name, _)| name);
    mapped.chain(table.fields.keys().map(String::as_str)).collect()
}

fn mapped(table: &Table) -> Vec<(&'static str, Known)> {
    match (&table.columns, &table.collection) {
        (Some(columns), _) => of_columns(columns),
        (None, Some(collection)) => of_payload(collection),
        (None, None) => Vec::new(),
    }
}

fn of_columns(columns: &Columns) -> Vec<(&'static str, Known)> {
    let fields = Field::iter().map(|field| (placement::word(field), placement::column(columns, field)));
    let others = [
        ("version", columns.version.as_ref()),
        ("created_at", columns.created_at.as_ref()),
        ("updated_at", columns.updated_at.as_ref()),
    ];
    std::iter::once((ID, Some(&columns.id)))
        .chain(fields)
        .chain(others)
        .filter_map(|(name, column)| Some((name, Known::At(Path::column(column?)))))
        .collect()
}

fn of_payload(collection: &Collection) -> Vec<(&'static str, Known)> {
    let field = |field| {
        Some((
            placement::word(field),
            Known::At(collection.payload.path(field)?.into()),
        ))
    };
    std::iter::once((ID, Known::Id))
        .chain(Field::iter().filter_map(field))
        .collect()
}
