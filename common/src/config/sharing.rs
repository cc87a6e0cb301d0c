//! Mappings that share a table or a collection: each needs a scope that tells its memories apart.
//!
//! Without a scope, a deletion through one mapping erases memories of the other. One exception: beside a mapping with
//! rows, a mapping with vectors only stands for the points without a row.
//!
//! A scope does not help if the table of one mapping is a dependent of another. Dependents are deleted with their
//! memory, for any owner, and their points stay.

use super::Config;
use super::error::ConfigErrors;
use super::target::{Dependent, Table, Target};

/// A mapping, and its path in the file.
pub(super) struct LocatedMapping<'a> {
    pub(super) path: &'a str,
    pub(super) target: &'a Target,
    pub(super) table: &'a Table,
}

/// Refuses mappings that share a place, unless a scope tells them apart.
pub(super) fn check(mappings: &[LocatedMapping<'_>], errors: &mut ConfigErrors) {
    for one in mappings {
        dependents(one.path, &one.table.dependents, one, mappings, errors);
    }
    for (n, one) in mappings.iter().enumerate() {
        for other in &mappings[..n] {
            let named = format!("table `{}` of target `{}`", other.table.name, other.target.name);
            errors.require(
                !shares_rows((one.target, one.table), (other.target, other.table)),
                one.path,
                &format!(
                    "write scope = {{ column = \"value\" }} in it and in {named}, with another value in each: \
                     both have the same SQL table, and nothing tells their memories apart"
                ),
            );
            errors.require(
                one.table.columns.is_some() != other.table.columns.is_some()
                    || !shares_points((one.target, one.table), (other.target, other.table)),
                format_args!("{}.collection", one.path),
                &format!(
                    "write collection = {{ …, scope = {{ field = \"value\" }} }} in it and in {named}, with another \
                     value in each: both have the same collection, and nothing tells their points apart"
                ),
            );
        }
    }
}

/// Refuses dependents of `one` that have a mapping of their own.
fn dependents(
    path: &str,
    list: &[Dependent],
    one: &LocatedMapping<'_>,
    mappings: &[LocatedMapping<'_>],
    errors: &mut ConfigErrors,
) {
    for (n, dependent) in list.iter().enumerate() {
        let path = format!("{path}.dependents[{n}]");
        let place = one.target.sql_place(&dependent.table);
        let is_other = |other: &&LocatedMapping<'_>| !std::ptr::eq(other.table, one.table);
        for other in mappings.iter().filter(is_other) {
            errors.require(
                place.is_none() || place != other.target.table_place(other.table),
                format_args!("{path}.table"),
                &format!(
                    "remove it: its rows are the memories of table `{}` of target `{}`, and \
                     dependents are deleted for any owner, without their points; let the database set the reference null (ON DELETE SET NULL), or \
                     remove that table",
                    other.table.name, other.target.name
                ),
            );
        }
        dependents(&path, &dependent.dependents, one, mappings, errors);
    }
}

fn shares_rows(one: (&Target, &Table), other: (&Target, &Table)) -> bool {
    let place = one.0.table_place(one.1);
    place.is_some() && place == other.0.table_place(other.1) && !one.1.scope.is_disjoint(&other.1.scope)
}

fn shares_points(one: (&Target, &Table), other: (&Target, &Table)) -> bool {
    let place = one.0.collection_place(one.1);
    let told_apart = match (&one.1.collection, &other.1.collection) {
        (Some(one), Some(other)) => one.scope.is_disjoint(&other.scope),
        _ => true,
    };
    place.is_some() && place == other.0.collection_place(other.1) && !told_apart
}

impl Config {
    /// Returns whether two mappings, each a target and its table, may both claim one point: they share a collection,
    /// and no scope tells them apart.
    pub fn may_share_points(one: (&Target, &Table), other: (&Target, &Table)) -> bool {
        shares_points(one, other)
    }
}
