//! A mapping that was checked against the live schema.

mod cascades;
mod check;
mod current;
mod order;
mod outliving;
mod owners;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use lethe_common::config::{Table, Uuids};
use lethe_common::filter::{Path, Type, Zone};
use lethe_common::job::{Field, StoreKind};
use sqlx::AnyConnection;

use super::column::{Column, Declared, Holds, Kind, Names};
use super::connect::CallError;
use super::dependents::Reference;
use super::dialect::{Dialect, quote_table};
use super::schema::LiveColumn;
use crate::store::vector::COMPARED;
use crate::store::{StoreError, word};
use cascades::Cascade;
use check::{Check, given};

/// A mapped table, with the types of its columns.
#[derive(Debug)]
pub(super) struct Mapping {
    /// The table, quoted.
    pub(super) table: String,
    /// The table, as the configuration writes it.
    pub(super) name: String,
    /// How UUIDs are written, where the column's type does not say it.
    pub(super) uuids: Option<Uuids>,
    pub(super) id: Column,
    pub(super) fields: Vec<(Field, Column)>,
    /// The fields that are compared between a point and its row: a payload field is mapped too.
    pub(super) compared: Vec<Field>,
    /// The condition that a row `m` is in the mapping's scope, if there is one.
    pub(super) scope: Option<String>,
    /// A whole number that changes with the row.
    pub(super) version: Option<Column>,
    /// The time of creation.
    pub(super) created_at: Option<(Column, Holds)>,
    /// The time of the last change.
    pub(super) updated_at: Option<(Column, Holds)>,
    /// The columns that queries may use, by the live column's name. No others reach a statement.
    pub(super) asked: BTreeMap<String, Holds>,
    /// The type of the first value in columns whose declared type does not say it.
    pub(super) seen: BTreeMap<String, Type>,
    pub(super) dependents: Vec<Reference>,
    /// The tables that the mapping does not list, and whose rows the database deletes with its rows: each as a mapping
    /// would write it, and with its schema.
    pub(super) cascades: Vec<String>,
    /// The collation under which ids are unique, if it is not that of bytes (SQLite; MySQL's is in the
    /// column's kind).
    pub(super) folded_by: Option<String>,
    pub(super) row_handle: Option<&'static str>,
    /// The columns with which an index begins.
    pub(super) indexed: BTreeSet<String>,
    /// The time zone of moments without an offset. `None`: UTC.
    pub(super) zone: Option<Zone>,
}

impl Mapping {
    /// Returns the column of a field.
    pub(super) fn field(&self, field: Field) -> Option<&Column> {
        self.fields
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, column)| column)
    }

    /// Returns the column of references and the table of names, if a path means the owners' names.
    pub(super) fn owner(&self, dialect: Dialect, path: &Path) -> Option<(&Column, &Names)> {
        let column = self.field(Field::User)?;
        let names = column.names.as_deref()?;
        dialect.is_column(&names.field, &path.column).then_some((column, names))
    }

    /// Returns the live column in which a path begins, if queries may use it.
    pub(super) fn asked(&self, dialect: Dialect, path: &Path) -> Option<(&str, &Holds)> {
        let mut asked = self.asked.iter();
        let (name, holds) = asked.find(|(name, _)| dialect.is_column(name, &path.column))?;
        Some((name, holds))
    }

    /// Reads the live schema and checks `table` against it.
    pub(super) async fn read(
        connection: &mut AnyConnection,
        dialect: Dialect,
        table: &Table,
    ) -> Result<Self, CallError> {
        let Some(columns) = &table.columns else {
            return Err(StoreError::Misuse(StoreKind::Sql, "the mapping names no columns").into());
        };
        let mut check = Check {
            connection,
            dialect,
            uuids: columns.uuids,
            faults: Vec::new(),
        };
        let name = table.sql_table.as_deref().unwrap_or(&table.name);
        let live = check.table("sql_table", name, !table.dependents.is_empty()).await?;
        let id = live
            .as_ref()
            .and_then(|live| check.unique(live, "columns.id", name, &columns.id));
        let mut fields = Vec::new();
        for (field, column) in given(columns) {
            let key = format!("columns.{}", word(field));
            let column = live.as_ref().and_then(|live| check.column(live, &key, name, column));
            fields.extend(column.map(|column| (field, check.plain(column))));
        }
        let cascades = check.cascades(table).await?;
        if let Some(owners) = &columns.owners {
            check.owners(owners, &cascades, &mut fields).await?;
        }
        let scope = live.as_ref().and_then(|live| check.scope(live, name, &table.scope));
        let compared = compared(table, &fields);
        if scope.is_some() || !compared.is_empty() {
            check.encoding().await?;
        }
        let version = check.asked(live.as_ref(), "version", name, columns.version.as_deref());
        let created_at = check.asked(live.as_ref(), "created_at", name, columns.created_at.as_deref());
        let updated_at = check.asked(live.as_ref(), "updated_at", name, columns.updated_at.as_deref());
        let id = id.map(|id| (check.plain(id), id.unique_under.clone()));
        let identifying: Vec<&Column> = fields
            .iter()
            .map(|(_, column)| column)
            .chain(id.iter().map(|(id, _)| id))
            .collect();
        check.only_bytes(name, scope.as_deref(), &identifying).await?;
        let holds = |column: &Column| asked_as(&column.kind, live.as_ref()?.column(dialect, &column.name)?);
        // Filters name the owners of references by a field of their own, see below.
        let mut asked: BTreeMap<String, Holds> = identifying
            .iter()
            .filter(|column| column.names.is_none())
            .filter_map(|column| Some((column.name.clone(), holds(column)?)))
            .collect();
        let times = [&created_at, &updated_at];
        for (column, holds) in times.into_iter().chain([&version]).flatten() {
            asked.insert(column.name.clone(), holds.clone());
        }
        for (word, field) in &table.fields {
            asked.extend(live.as_ref().and_then(|live| check.field(live, name, word, field)));
        }
        let zone = check.zone(table);
        check.counted(table, name, live.as_ref(), &mut asked);
        let times: Vec<&str> = times
            .into_iter()
            .flatten()
            .map(|(column, _)| column.name.as_str())
            .collect();
        let seen = match &live {
            Some(_) => check.seen(name, scope.as_deref(), &times, &mut asked).await?,
            None => BTreeMap::new(),
        };
        check.owner_field(name, &fields, &mut asked);
        let [created_at, updated_at] = [&created_at, &updated_at].map(|time| as_asked(time.as_ref(), &asked));
        let mut dependents = Vec::new();
        check.dependents(&table.dependents, name, &[], &mut dependents).await?;
        if live.is_some() {
            check.order(name, &dependents).await?;
        }
        match (live.as_ref(), id) {
            (Some(live), Some((id, unique_under))) if check.faults.is_empty() => Ok(Self {
                table: quote_table(name),
                name: name.to_owned(),
                uuids: columns.uuids,
                folded_by: unique_under.filter(|collation| collation != "BINARY"),
                id,
                compared,
                fields,
                scope,
                version: version.map(|(column, _)| column),
                created_at,
                updated_at,
                asked,
                seen,
                dependents,
                cascades: cascades.into_iter().flat_map(Cascade::names).collect(),
                row_handle: live.row_handle,
                indexed: live.indexed().map(str::to_owned).collect(),
                zone,
            }),
            _ => Err(StoreError::Mapping {
                store: StoreKind::Sql,
                faults: check.faults,
            }
            .into()),
        }
    }
}

/// Returns a time column with what queries compare it as.
fn as_asked(time: Option<&(Column, Holds)>, asked: &BTreeMap<String, Holds>) -> Option<(Column, Holds)> {
    let (column, holds) = time?;
    Some((column.clone(), asked.get(&column.name).unwrap_or(holds).clone()))
}

/// Returns the type of an id or a field for queries.
fn asked_as(kind: &Kind, live: &LiveColumn) -> Option<Holds> {
    match kind {
        Kind::Bytes { dialect, uuids } => Some(match dialect {
            Dialect::Sqlite => Holds::Declared(Declared::Bytes { uuids: *uuids }),
            Dialect::Postgres | Dialect::Mysql => Holds::Key(kind.clone()),
        }),
        _ => live.holds.clone(),
    }
}

/// Returns the fields that are compared between points and their rows.
fn compared(table: &Table, fields: &[(Field, Column)]) -> Vec<Field> {
    let payload = table.collection.as_ref().map(|collection| &collection.payload);
    let is_mapped = |field: &Field| {
        payload.is_some_and(|payload| payload.get(*field).is_some()) && fields.iter().any(|(name, _)| name == field)
    };
    COMPARED.into_iter().filter(is_mapped).collect()
}
