//! What a table of the live database looks like. Reads catalogues only, never a row of a customer.

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
    /// What keeps it from being used as a table of memories although it exists.
    pub(super) obstacle: Option<Obstacle>,
    pub(super) columns: Vec<LiveColumn>,
    /// The columns of the primary key.
    pub(super) key: Vec<String>,
    /// The column whose values the database gives to new rows again, once theirs are deleted (SQLite).
    pub(super) reused: Option<String>,
    /// What identifies a row beside its columns, where there is such a thing (SQLite's rowid).
    pub(super) row_handle: Option<&'static str>,
}

/// A column as it is now.
#[derive(Debug)]
pub(super) struct LiveColumn {
    pub(super) name: String,
    /// The type, in the database's words.
    pub(super) declared: String,
    /// How to compare it; `None` if ids and owners of this type are not supported.
    pub(super) kind: Option<Kind>,
    /// How queries compare it; `None` if they cannot.
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
    /// The table that has it, as a mapping would write it.
    pub(super) table: String,
    /// Its columns, and what each references.
    pub(super) columns: Vec<(String, String)>,
    pub(super) on_delete: OnDelete,
}

/// A foreign key by which rows keep those that they reference from being deleted, or go with them.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) columns: Vec<String>,
    pub(super) until: Until,
}

/// How long a row keeps what it references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Not at all: it goes with it.
    Taken,
    /// Until it has gone itself, though the same statement deletes both.
    Gone,
    /// Until the end of the statement, which may delete both.
    Statement,
    /// Until the end of the transaction, which may.
    Commit,
}

/// What becomes of a row that references one that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDelete {
    /// It keeps it from being deleted.
    Keeps,
    /// It goes with it.
    Goes,
    /// It stays, without the reference.
    Stays,
}

impl OnDelete {
    /// Reads the rule in the words of the standard.
    fn of(rule: &str) -> Self {
        match rule {
            "CASCADE" => Self::Goes,
            "SET NULL" | "SET DEFAULT" => Self::Stays,
            _ => Self::Keeps,
        }
    }
}

/// Why an existing table cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    NotATable,
    MayNotSelect,
    MayNotDelete,
    MayNotLock,
    RowSecurity,
    /// MySQL: an engine for which a transaction is nothing.
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

    /// Returns what is wrong with `table`, and what to do instead.
    pub(super) fn explain(self, dialect: Dialect, table: &str) -> (String, String) {
        let quoted = dialect.written(table);
        match self {
            Self::NotATable => (
                format!("`{table}` is not a table"),
                "name the table behind it".to_owned(),
            ),
            Self::MayNotSelect => (
                format!("`{table}` may not be read"),
                format!("GRANT SELECT ON {quoted} to this user"),
            ),
            Self::MayNotDelete => (
                format!("rows of `{table}` may not be deleted"),
                format!("GRANT DELETE ON {quoted} to this user"),
            ),
            Self::MayNotLock => (
                format!("rows of `{table}` may not be locked"),
                format!("GRANT UPDATE ON {quoted} to this user"),
            ),
            Self::NoTransactions => (
                format!("`{table}` has a storage engine without transactions"),
                format!("ALTER TABLE {quoted} ENGINE = InnoDB"),
            ),
            Self::KeepsHistory => (
                format!("`{table}` keeps the history of rows that are deleted"),
                format!("ALTER TABLE {quoted} DROP SYSTEM VERSIONING"),
            ),
            Self::RowSecurity => (
                format!("row security hides rows of `{table}` from this user"),
                "use the table's owner or a user with BYPASSRLS".to_owned(),
            ),
        }
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

    /// Returns whether it may hold UUIDs that are written in several ways: PostgreSQL and MariaDB have a
    /// type for them, and bytes come in several orders.
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

/// Reads what `name` (`table` or `schema.table`) is, or `None` if there is nothing of that name.
///
/// `locks` tells whether rows of it will be locked before they are deleted.
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

/// Returns the foreign keys that reference `name`, those of itself included.
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
        let column = (row.try_get(2)?, row.try_get(3)?);
        let foreign = keys.entry(key).or_insert_with(|| Foreign {
            table,
            columns: Vec::new(),
            on_delete: OnDelete::of(&rule),
        });
        foreign.columns.push(column);
    }
    Ok(keys.into_values().collect())
}

/// Returns the foreign keys by which rows of `from` keep rows of `to`, which may be the same table, or go
/// with them.
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
