//! Owners that memories reference: the names that callers use are in another table.

use super::error::ConfigErrors;
use super::sharing::LocatedMapping;
use super::target::{Columns, Owners};
use crate::filter::Path;

/// Refuses owners without a reference, fields with the reference, and owners whose rows a mapping deletes.
pub(super) fn check(mappings: &[LocatedMapping<'_>], errors: &mut ConfigErrors) {
    for one in mappings {
        let Some(columns) = &one.table.columns else { continue };
        let Some(owners) = &columns.owners else { continue };
        errors.require(
            columns.user.is_some(),
            format_args!("{}.columns.user", one.path),
            "is missing: owners needs it as the reference",
        );
        for (name, field) in &one.table.fields {
            errors.require(
                !holds_only_references(columns, &field.column),
                format_args!("{}.fields.{name}", one.path),
                "remove it: the column holds references, and queries compare the names in columns.owners",
            );
        }
        stay(owners, one, mappings, errors);
    }
}

/// Returns whether a column holds references to owners, and nothing that callers know.
fn holds_only_references(columns: &Columns, column: &str) -> bool {
    let is_it = |name: &String| name.eq_ignore_ascii_case(column);
    let known = [
        &columns.agent,
        &columns.app,
        &columns.run,
        &columns.workspace,
        &columns.kind,
    ];
    columns.user.as_ref().is_some_and(is_it) && !known.into_iter().flatten().any(is_it)
}

/// Refuses owners whose rows a mapping deletes. The memories of a deleted owner would belong to nobody: they would stay,
/// and a job would count none.
fn stay(owners: &Owners, one: &LocatedMapping<'_>, mappings: &[LocatedMapping<'_>], errors: &mut ConfigErrors) {
    let place = one.target.sql_place(&owners.table);
    for other in mappings {
        let dependents = other.table.dependent_tables().into_iter();
        let dependents = dependents.map(|name| other.target.sql_place(name));
        let mut deleted = dependents.chain([other.target.table_place(other.table)]);
        errors.require(
            place.is_none() || deleted.all(|deleted| deleted != place),
            format_args!("{}.columns.owners.table", one.path),
            &format!(
                "write a table whose rows stay, or remove this one from table `{}` of target `{}`: without its row, \
                 nothing says whose a memory is",
                other.table.name, other.target.name
            ),
        );
    }
}

impl Owners {
    /// Returns the name that paths of filters use for the owners' names, which are in no column of the memories.
    pub fn field(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }
}

impl Columns {
    /// Returns the path of the owner in filters, if the owner is mapped.
    pub fn owner(&self) -> Option<Path> {
        let user = self.user.as_ref()?;
        let owners = self.owners.as_ref();
        Some(Path::column(owners.map_or_else(|| user.clone(), Owners::field)))
    }
}
