//! The dependent tables of a memory, at any depth, and the texts that delete their rows.

use super::column::{Column, Kind};
use super::compare::{equals, reach, refers, typed};
use super::dialect::{Dialect, quote};
use super::mapping::Mapping;
use super::text::{join, member, tuples, whole};

/// A dependent table and its column that holds a memory's id, or the key of a dependent above it.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// The table, as the mapping writes it.
    pub(super) name: String,
    /// The table, quoted.
    pub(super) table: String,
    pub(super) column: Column,
    /// Whether an index begins with the column.
    pub(super) indexed: bool,
    /// The tables above it, up to the one that holds memories' ids; empty if this one does.
    pub(super) above: Vec<Above>,
}

/// A dependent table that has dependents.
#[derive(Debug, Clone)]
pub(super) struct Above {
    /// The table, quoted.
    pub(super) table: String,
    /// The column that its dependents reference.
    pub(super) id: Column,
    /// Its own reference to the table above.
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
/// The rows above must still exist.
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

/// Returns the text that counts the rows of one dependent table per memory: `$1` tuples with ids only → `n`,
/// count. PostgreSQL's text deletes the rows too, MySQL's only counts, and SQLite has none.
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

/// Returns the alias of the table that is `n` levels above the one whose rows are deleted.
fn alias(n: usize) -> String {
    if n == 0 { "d".to_owned() } else { format!("p{n}") }
}

fn tables(reference: &Reference) -> impl Iterator<Item = (&str, String)> {
    let named = reference.above.iter().enumerate();
    named.map(|(n, above)| (above.table.as_str(), alias(n + 1)))
}

/// Returns the conditions that join each table with the one above it.
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

// SQLite deletes without a join. The comparison is by bytes, whatever the collation of the column. A row
// that is missed for that prevents the deletion of the row above, if the reference is a foreign key.
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

// References are compared like ids: by bytes if ids are, and where `a` and `A` are one id, both
// reference it.
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
