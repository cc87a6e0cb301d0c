//! The names of a table's fields in queries: columns, or payload fields if the table has only vectors.

use lethe_common::config::{Collection, Columns, Table};
use lethe_common::filter::Path;
use lethe_common::job::Field;
use strum::IntoEnumIterator as _;

use super::language::listed;
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
pub(crate) fn names(table: &Table) -> Vec<&str> {
    let mapped = mapped(table).into_iter().map(|(name, _)| name);
    mapped.chain(table.fields.keys().map(String::as_str)).collect()
}

/// Returns the advice about a name that is no field of a table.
pub(super) fn unknown(table: &Table, name: &str) -> String {
    let known = format!(
        "table `{}` maps no field of this name: name one of {}",
        table.name,
        listed(&names(table))
    );
    if table.columns.is_some() && name == placement::word(Field::User) {
        return format!("{known}, or {}", placement::to_map("columns", Field::User));
    }
    known
}

fn mapped(table: &Table) -> Vec<(&'static str, Known)> {
    match (&table.columns, &table.collection) {
        (Some(columns), _) => of_columns(columns),
        (None, Some(collection)) => of_payload(collection),
        (None, None) => Vec::new(),
    }
}

fn of_columns(columns: &Columns) -> Vec<(&'static str, Known)> {
    let fields = Field::iter().map(|field| {
        let path = match field {
            Field::User => columns.owner(),
            _ => placement::column(columns, field).map(Path::column),
        };
        (placement::word(field), path)
    });
    let others = [
        ("version", &columns.version),
        ("created_at", &columns.created_at),
        ("updated_at", &columns.updated_at),
    ];
    let others = others.map(|(name, column)| (name, column.as_ref().map(Path::column)));
    std::iter::once((ID, Some(Path::column(&columns.id))))
        .chain(fields)
        .chain(others)
        .filter_map(|(name, path)| Some((name, Known::At(path?))))
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
