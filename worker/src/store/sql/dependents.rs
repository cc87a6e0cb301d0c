//! What belongs to a memory, at any depth below it, and the texts that delete it.

use super::column::{Column, Kind};
use super::compare::{equals, reach, refers, typed};
use super::dialect::{Dialect, quote};
use super::mapping::Mapping;
use super::text::{join, member, tuples, whole};

/// A dependent table and its column that holds a memory's id, or the key of a dependent above it.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// As the mapping writes it.
    pub(super) name: String,
    /// Quoted.
    pub(super) table: String,
    pub(super) column: Column,
    /// Whether an index begins with it.
    pub(super) indexed: bool,
    /// The way up to the table that holds memories' ids; empty if that is this one.
    pub(super) above: Vec<Above>,
}

/// A dependent table that has dependents.
#[derive(Debug, Clone)]
pub(super) struct Above {
    /// Quoted.
    pub(super) table: String,
    /// What its dependents hold.
    pub(super) id: Column,
    /// What it holds itself.
    pub(super) column: Column,
}

impl Reference {
    /// Returns the column that holds a memory's id.
    pub(super) fn holder(&self) -> &Column {
        self.above.last().map_or(&self.column, |top| &top.column)
    }
}

/// Returns the text that deletes the rows of one dependent table: `$1` tuples with ids only.
///
/// The rows above must still be there.
pub(super) fn delete(dialect: Dialect, mapping: &Mapping, reference: &Reference) -> String {
    let table = &reference.table;
    let tuples = tuples(dialect, mapping);
    let top = alias(reference.above.len());
    let held = holds(dialect, mapping, reference.holder(), &top);
    let delete = match dialect {
        Dialect::Postgres => {
            let above: Vec<String> = tables(reference)
                .map(|(table, name)| format!("{table} AS {name}, "))
                .collect();
            let above = above.concat();
            format!(
                "FROM {table} AS d USING {above}{tuples} WHERE {held}{}",
                links(reference)
            )
        }
        Dialect::Mysql => {
            let join = join(dialect);
            let above: Vec<(&str, String)> = tables(reference).collect();
            let above: Vec<String> = above
                .iter()
                .rev()
                .map(|(table, name)| format!("{join} {table} AS {name} "))
                .collect();
            let above = above.concat();
            format!(
                "d FROM {tuples} {above}{join} {table} AS d WHERE {held}{}",
                links(reference)
            )
        }
        Dialect::Sqlite => format!("FROM {table} AS d WHERE {}", within(reference, 0, &held)),
    };
    format!("-- store::sql::dependents\nDELETE {delete}")
}

/// Returns the text that says how many rows of one dependent table belong to which memory: `$1` tuples with ids
/// only → `n`, count. PostgreSQL deletes them with it, MySQL only counts; SQLite has no such text.
pub(super) fn counted(dialect: Dialect, mapping: &Mapping, reference: &Reference) -> Option<String> {
    let n = whole(dialect, "n");
    match dialect {
        Dialect::Postgres => {
            let delete = delete(dialect, mapping, reference);
            Some(format!(
                "WITH gone AS ({delete} RETURNING {n} AS n) SELECT n, count(*) FROM gone GROUP BY n"
            ))
        }
        Dialect::Mysql => {
            let delete = delete(dialect, mapping, reference);
            let rows = delete.split_once("DELETE d ")?.1;
            Some(format!(
                "-- store::sql::dependents count\nSELECT {n}, COUNT(*) {rows} GROUP BY {n}"
            ))
        }
        Dialect::Sqlite => None,
    }
}

/// Returns the name of the table so many levels above the one whose rows go.
fn alias(n: usize) -> String {
    if n == 0 { "d".to_owned() } else { format!("p{n}") }
}

fn tables(reference: &Reference) -> impl Iterator<Item = (&str, String)> {
    let named = reference.above.iter().enumerate();
    named.map(|(n, above)| (above.table.as_str(), alias(n + 1)))
}

/// Returns the conditions that each table holds the key of the one above it.
fn links(reference: &Reference) -> String {
    (0..reference.above.len())
        .map(|n| {
            let (column, id) = (column(reference, n), &reference.above[n].id);
            let (left, right) = (reach(column, &alias(n)), reach(id, &alias(n + 1)));
            match &column.kind {
                Kind::Text { type_name, equals, .. } => format!(" AND {left} {equals} {right}::{type_name}"),
                _ => format!(" AND {left} = {right}"),
            }
        })
        .collect()
}

// SQLite deletes from one table. By bytes, whatever the collation of the column: a row that is left for
// that keeps the row above it, if the database knows that it is a reference.
fn within(reference: &Reference, n: usize, held: &str) -> String {
    let Some(above) = reference.above.get(n) else {
        return held.to_owned();
    };
    let next = alias(n + 1);
    format!(
        "{} COLLATE BINARY IN (SELECT {} FROM {} AS {next} WHERE {})",
        reach(column(reference, n), &alias(n)),
        reach(&above.id, &next),
        above.table,
        within(reference, n + 1, held),
    )
}

fn column(reference: &Reference, n: usize) -> &Column {
    match n.checked_sub(1) {
        None => &reference.column,
        Some(above) => &reference.above[above].column,
    }
}

// Where ids are told apart by bytes, so are references to them; where `a` and `A` are one id, both
// are references to it.
fn holds(dialect: Dialect, mapping: &Mapping, holder: &Column, table: &str) -> String {
    let column = reach(holder, table);
    let value = &member(dialect, "i");
    let ids = format!("(SELECT {value} FROM json_each($1) AS e)");
    match (dialect, &mapping.id.kind, &mapping.folded_by) {
        (
            Dialect::Postgres,
            Kind::Text {
                type_name,
                equals,
                binary: false,
            },
            _,
        ) => {
            format!("{column}::{type_name} {equals} {value}::{type_name}")
        }
        (Dialect::Postgres, ..) => equals(holder, table, value),
        (Dialect::Mysql, id, _) => refers(&holder.kind, id, &column, value),
        (Dialect::Sqlite, Kind::Bytes { .. }, _) => {
            let value = typed(&mapping.id, value);
            format!("{column} IN (SELECT {value} FROM json_each($1) AS e)")
        }
        (Dialect::Sqlite, _, Some(collation)) => {
            format!("{column} COLLATE {} IN {ids}", quote(collation))
        }
        (Dialect::Sqlite, _, None) => {
            format!("{column} IN {ids} AND CAST({column} AS TEXT) COLLATE BINARY IN {ids}")
        }
    }
}
