//! The schema of live tables. This module reads catalogues only, never a row of a customer.

mod mysql;
mod postgres;
mod sqlite;

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row};

use super::column::{Holds, Kind};
use super::dialect::Dialect;

/// A table as it is now.
#[derive(Debug)]
pub(super) struct LiveTable {
    /// The reason why it cannot be a table of memories although it exists.
    pub(super) obstacle: Option<Obstacle>,
    pub(super) columns: Vec<LiveColumn>,
    /// The columns of the primary key.
    pub(super) key: Vec<String>,
    /// The column whose values the database gives to new rows after their own rows are deleted (SQLite).
    pub(super) reused: Option<String>,
    /// The identifier of a row beside its columns, if it has one (SQLite's rowid).
    pub(super) row_handle: Option<&'static str>,
}

/// A column as it is now.
#[derive(Debug)]
pub(super) struct LiveColumn {
    pub(super) name: String,
    /// The type, as the database writes it.
    pub(super) declared: String,
    /// Its type as an id or owner; `None` if ids and owners of this type are not supported.
    pub(super) kind: Option<Kind>,
    /// Its type for queries; `None` if queries cannot compare it.
    pub(super) holds: Option<Holds>,
    /// Whether a unique index or primary key is on this column alone.
    pub(super) unique: bool,
    /// The collation under which it is unique, where the database says so (SQLite).
    pub(super) unique_under: Option<String>,
    /// Whether an index over all rows begins with it.
    pub(super) indexed: bool,
    /// Whether it may be NULL.
    pub(super) nullable: bool,
}

/// A foreign key that references a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Foreign {
    /// The table that has the key, as a mapping would write it.
    pub(super) table: String,
    /// The same, always with the schema.
    pub(super) full_name: String,
    /// Its columns, each with the column that it references.
    pub(super) columns: Vec<(String, String)>,
    pub(super) on_delete: OnDelete,
}

/// A foreign key whose rows prevent the deletion of the rows that they reference, or are deleted with them.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) columns: Vec<String>,
    pub(super) until: Until,
}

/// How long a row prevents the deletion of the row that it references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Not at all: it is deleted with it.
    Taken,
    /// Until it is deleted itself, even if the same statement deletes both.
    Gone,
    /// Until the end of the statement, which may delete both.
    Statement,
    /// Until the end of the transaction, which may delete both.
    Commit,
}

/// The effect of a deletion on a row that references the deleted row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDelete {
    /// It prevents the deletion.
    Keeps,
    /// It is deleted with it.
    Goes,
    /// It stays, without the reference.
    Stays,
}

impl OnDelete {
    /// Reads the rule as the SQL standard writes it.
    fn of(rule: &str) -> Self {
        match rule {
            "CASCADE" => Self::Goes,
            "SET NULL" | "SET DEFAULT" => Self::Stays,
            _ => Self::Keeps,
        }
    }
}

/// The reason why an existing table cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    NotATable,
    MayNotSelect,
    MayNotDelete,
    MayNotLock,
    RowSecurity,
    /// MySQL: a storage engine without transactions.
    NoTransactions,
    /// MariaDB: a table with system versioning.
    KeepsHistory,
}

impl Obstacle {
    /// Returns whether the table cannot even be read.
    pub(super) fn keeps_from_reading(self) -> bool {
        match self {
            Self::NotATable | Self::MayNotSelect | Self::RowSecurity => true,
            Self::MayNotDelete | Self::MayNotLock | Self::NoTransactions | Self::KeepsHistory => false,
        }
    }

    /// Returns the fault of `table`, and the advice.
    pub(super) fn explain(self, dialect: Dialect, table: &str) -> (String, String) {
        let quoted = dialect.written(table);
        match self {
            Self::NotATable => (
                format!("`{table}` is not a table (a view or another object)"),
                "use the underlying table".to_owned(),
            ),
            Self::MayNotSelect => (
                format!("this user lacks SELECT on `{table}`"),
                format!("GRANT SELECT ON {quoted} to this user"),
            ),
            Self::MayNotDelete => (
                format!("this user lacks DELETE on `{table}`"),
                format!("GRANT DELETE ON {quoted} to this user"),
            ),
            Self::MayNotLock => (
                format!("this user lacks UPDATE on `{table}`, which row locks require"),
                format!("GRANT UPDATE ON {quoted} to this user"),
            ),
            Self::NoTransactions => (
                format!("`{table}` has a storage engine without transactions"),
                format!("ALTER TABLE {quoted} ENGINE = InnoDB"),
            ),
            Self::KeepsHistory => (
                format!("`{table}` is system-versioned: it keeps deleted rows"),
                format!("ALTER TABLE {quoted} DROP SYSTEM VERSIONING"),
            ),
            Self::RowSecurity => (
                format!("row security hides rows of `{table}` from this user"),
                "use the table's owner or a user with BYPASSRLS".to_owned(),
            ),
        }
    }
}

impl Foreign {
    /// Returns whether a mapping that writes `name`, with the schema or without, means the table that has the key.
    pub(super) fn is_of(&self, dialect: Dialect, name: &str) -> bool {
        dialect.is_column(&self.table, name) || dialect.is_column(&self.full_name, name)
    }
}

impl LiveTable {
    /// Returns the column that a mapping's name means.
    pub(super) fn column(&self, dialect: Dialect, name: &str) -> Option<&LiveColumn> {
        self.columns.iter().find(|column| dialect.is_column(&column.name, name))
    }

    /// Returns the columns with which an index begins.
    pub(super) fn indexed(&self) -> impl Iterator<Item = &str> {
        let indexed = self.columns.iter().filter(|column| column.indexed);
        indexed.map(|column| column.name.as_str())
    }
}

impl LiveColumn {
    pub(super) fn is_bytes(&self) -> bool {
        matches!(self.kind, Some(Kind::Bytes { .. }))
    }

    /// Returns whether it may hold UUIDs in more than one form: PostgreSQL and MariaDB have a type for
    /// them, and bytes come in several orders.
    pub(super) fn may_hold_uuids(&self, dialect: Dialect) -> bool {
        let declared = self.declared.to_ascii_uppercase();
        if self.is_bytes() {
            return true;
        }
        match dialect {
            Dialect::Postgres => false,
            Dialect::Sqlite => matches!(declared.as_str(), "UUID" | "CHAR(32)"),
            Dialect::Mysql => declared == "CHAR(32)",
        }
    }
}

/// Reads the schema of `name` (`table` or `schema.table`), or `None` if nothing has that name.
///
/// `locks` says whether its rows will be locked before they are deleted.
pub(super) async fn read(
    connection: &mut AnyConnection,
    dialect: Dialect,
    name: &str,
    locks: bool,
) -> Result<Option<LiveTable>, sqlx::Error> {
    match dialect {
        Dialect::Postgres => postgres::read(connection, name, locks).await,
        Dialect::Sqlite => sqlite::read(connection, name).await,
        Dialect::Mysql => mysql::read(connection, name).await,
    }
}

/// Returns the foreign keys that reference `name`, its own included.
pub(super) async fn references(
    connection: &mut AnyConnection,
    dialect: Dialect,
    name: &str,
) -> Result<Vec<Foreign>, sqlx::Error> {
    let rows = match dialect {
        Dialect::Postgres => postgres::references(connection, name).await?,
        Dialect::Sqlite => sqlite::references(connection, name).await?,
        Dialect::Mysql => mysql::references(connection, name).await?,
    };
    let mut keys: BTreeMap<String, Foreign> = BTreeMap::new();
    for row in &rows {
        let (key, table, rule): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(4)?);
        let (column, full_name) = ((row.try_get(2)?, row.try_get(3)?), row.try_get(5)?);
        let foreign = keys.entry(key).or_insert_with(|| Foreign {
            table,
            full_name,
            columns: Vec::new(),
            on_delete: OnDelete::of(&rule),
        });
        foreign.columns.push(column);
    }
    Ok(keys.into_values().collect())
}

/// Returns the foreign keys whose rows in `from` prevent the deletion of rows in `to`, or are deleted with
/// them. Both may be the same table.
pub(super) async fn holdings(
    connection: &mut AnyConnection,
    dialect: Dialect,
    from: &str,
    to: &str,
) -> Result<Vec<Holding>, sqlx::Error> {
    let rows = match dialect {
        Dialect::Postgres => postgres::holdings(connection, from, to).await?,
        Dialect::Sqlite => sqlite::holdings(connection, from, to).await?,
        Dialect::Mysql => mysql::holdings(connection, from, to).await?,
    };
    let mut keys: BTreeMap<String, Holding> = BTreeMap::new();
    for row in &rows {
        let (key, until): (String, String) = (row.try_get(0)?, row.try_get(2)?);
        let holding = keys.entry(key).or_insert_with(|| Holding {
            columns: Vec::new(),
            until: match until.as_str() {
                "taken" => Until::Taken,
                "statement" => Until::Statement,
                "commit" => Until::Commit,
                _ => Until::Gone,
            },
        });
        holding.columns.push(row.try_get(1)?);
    }
    Ok(keys.into_values().collect())
}

/// Returns the names of the tables that exist, as a mapping would write them.
pub(super) async fn tables(connection: &mut AnyConnection, dialect: Dialect) -> Result<Vec<String>, sqlx::Error> {
    match dialect {
        Dialect::Postgres => postgres::tables(connection).await,
        Dialect::Sqlite => sqlite::tables(connection).await,
        Dialect::Mysql => mysql::tables(connection).await,
    }
}
