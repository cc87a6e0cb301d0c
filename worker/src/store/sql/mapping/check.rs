//! The check of a mapping's names against the live schema: the faults, each with advice.

use futures::future::BoxFuture;
use lethe_common::config::{Columns, Dependent, FieldPath, MappingScope, Uuids};
use lethe_common::job::Field;
use sqlx::{AnyConnection, Row};

use super::super::column::{Column, Holds, Kind};
use super::super::compare::{equals, literal};
use super::super::connect::CallError;
use super::super::dependents::{Above, Reference};
use super::super::dialect::{Dialect, quote, quote_table};
use super::super::schema::{self, LiveColumn, LiveTable};
use super::super::statement::Sql;
use crate::store::MappingFault;
use crate::store::fault::nearest;

pub(super) fn given(columns: &Columns) -> impl Iterator<Item = (Field, &str)> {
    [
        (Field::User, &columns.user),
        (Field::Agent, &columns.agent),
        (Field::App, &columns.app),
        (Field::Run, &columns.run),
        (Field::Workspace, &columns.workspace),
        (Field::Kind, &columns.kind),
    ]
    .into_iter()
    .filter_map(|(field, column)| column.as_deref().map(|column| (field, column)))
}

/// Returns the condition of a scope, to be appended to another condition.
pub(super) fn inside(scope: Option<&str>) -> String {
    scope.map_or_else(String::new, |scope| format!(" AND {scope}"))
}

/// A check of a mapping against the live schema, with the faults so far.
pub(super) struct Check<'c> {
    pub(super) connection: &'c mut AnyConnection,
    pub(super) dialect: Dialect,
    pub(super) uuids: Option<Uuids>,
    pub(super) faults: Vec<MappingFault>,
}

impl Check<'_> {
    fn holds_uuids(&self, column: &LiveColumn) -> bool {
        column.may_hold_uuids(self.dialect)
    }

    pub(super) fn plain(&self, column: &LiveColumn) -> Column {
        let digits = self.uuids == Some(Uuids::Hex) && self.holds_uuids(column);
        let kind = match column.kind.clone().unwrap_or(Kind::Dynamic) {
            Kind::Collated { charset, collation, .. } if digits => Kind::Collated {
                charset,
                collation,
                hex: true,
            },
            Kind::Dynamic if digits => Kind::Hex,
            Kind::Bytes { dialect, .. } => Kind::Bytes {
                dialect,
                uuids: self.uuids == Some(Uuids::Bytes),
            },
            kind => kind,
        };
        Column {
            name: column.name.clone(),
            kind,
            names: None,
        }
    }

    pub(super) fn fault(&mut self, key: &str, missing: String, instead: Option<String>) {
        self.faults.push(MappingFault::new(key, missing, instead));
    }

    pub(super) async fn table(&mut self, key: &str, name: &str, locks: bool) -> Result<Option<LiveTable>, CallError> {
        let live = schema::read(self.connection, self.dialect, name, locks).await?;
        match live {
            None => {
                let tables = schema::tables(self.connection, self.dialect).await?;
                let instead = nearest(name, tables.iter().map(String::as_str));
                self.fault(key, format!("there is no table `{name}`"), instead);
                Ok(None)
            }
            Some(LiveTable {
                obstacle: Some(obstacle),
                ..
            }) => {
                let (missing, instead) = obstacle.explain(self.dialect, name);
                self.fault(key, missing, Some(instead));
                Ok(None)
            }
            Some(live) => Ok(Some(live)),
        }
    }

    /// Reads dependents and their own dependents, in the order in which their rows are deleted.
    pub(super) fn dependents<'a>(
        &'a mut self,
        list: &'a [Dependent],
        parent: &'a str,
        above: &'a [Above],
        order: &'a mut Vec<Reference>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(async move {
            for dependent in list {
                let name = &dependent.table;
                let Some(live) = self.table("dependents.table", name, false).await? else {
                    continue;
                };
                let column = self.column(&live, "dependents.references", name, &dependent.references);
                let column = column.map(|column| self.plain(column));
                if let (Some(column), Some(parent)) = (&column, above.first())
                    && !column.kind.is_comparable(&parent.id.kind)
                {
                    let (ours, theirs) = (&column.name, &parent.id.name);
                    let missing =
                        format!("columns `{ours}` of `{name}` and `{theirs}` of the table above have different types");
                    self.fault("dependents.references", missing, None);
                }
                let id = match &dependent.id {
                    Some(id) => self.unique(&live, "dependents.id", name, id).map(|id| self.plain(id)),
                    None => None,
                };
                let Some(column) = column else { continue };
                let nullable = live
                    .column(self.dialect, &column.name)
                    .is_some_and(|live| live.nullable);
                self.outlives(dependent, parent, nullable).await?;
                let bytes: Vec<&Column> = std::iter::once(&column).chain(&id).collect();
                // The row above has the scope and the owner, so all rows are checked.
                self.only_bytes(name, None, &bytes).await?;
                if let Some(id) = id {
                    let this = Above {
                        table: quote_table(name),
                        id,
                        column: column.clone(),
                    };
                    let below: Vec<Above> = std::iter::once(this).chain(above.iter().cloned()).collect();
                    self.dependents(&dependent.dependents, name, &below, order).await?;
                }
                order.push(Reference {
                    name: name.clone(),
                    table: quote_table(name),
                    indexed: live.indexed().any(|indexed| indexed == column.name),
                    column,
                    above: above.to_vec(),
                });
            }
            Ok(())
        })
    }

    /// Checks that SQLite's columns of bytes hold only bytes in a scope. Another value never equals an id that is
    /// read as bytes, so its row would stay and count as absent.
    pub(super) async fn only_bytes(
        &mut self,
        table: &str,
        scope: Option<&str>,
        columns: &[&Column],
    ) -> Result<(), CallError> {
        for column in columns {
            let Kind::Bytes {
                dialect: dialect @ Dialect::Sqlite,
                ..
            } = column.kind
            else {
                continue;
            };
            let (quoted, name, inside) = (quote_table(table), quote(&column.name), inside(scope));
            // SQLite sorts bytes after all other values, so an index on the column has the others together.
            let text =
                format!("-- store::sql::only bytes\nSELECT 1 FROM {quoted} AS m WHERE m.{name} < x''{inside} LIMIT 1");
            let asked = Sql::vouched(dialect, text).about(Vec::new());
            if asked.fetch_optional(&mut *self.connection).await?.is_some() {
                let missing = format!("column `{}` of `{table}` holds values other than bytes", column.name);
                let instead = "declare the column TEXT, or convert the values to bytes";
                self.fault("columns", missing, Some(instead.to_owned()));
            }
        }
        Ok(())
    }

    /// Refuses a SQLite file whose texts are not UTF-8: constants of a scope, and values compared with points, are
    /// written as bytes.
    pub(super) async fn encoding(&mut self) -> Result<(), CallError> {
        match self.dialect {
            Dialect::Sqlite => {}
            Dialect::Postgres | Dialect::Mysql => return Ok(()),
        }
        let asked = Sql::vouched(self.dialect, "PRAGMA encoding".to_owned()).about(Vec::new());
        let encoding: String = asked.fetch_one(&mut *self.connection).await?.try_get(0)?;
        if encoding != "UTF-8" {
            let missing = "the file's texts are not UTF-8, so points cannot be compared with their rows".to_owned();
            self.fault(
                "sql.url",
                missing,
                Some("copy the database into a file with PRAGMA encoding = 'UTF-8'".to_owned()),
            );
        }
        Ok(())
    }

    /// Returns the condition that a row is in a scope, if there is one.
    pub(super) fn scope(&mut self, live: &LiveTable, table: &str, scope: &MappingScope) -> Option<String> {
        let mut parts = Vec::new();
        for (name, constant) in scope.iter() {
            let Some(column) = self.column(live, "scope", table, name) else {
                continue;
            };
            let column = self.plain(column);
            let Some(value) = column
                .parse(&constant.text())
                .map(|value| literal(self.dialect, &value))
            else {
                let missing = format!("column `{name}` of `{table}` cannot hold the value that the scope gives it");
                self.fault("scope", missing, None);
                continue;
            };
            parts.push(equals(&column, "m", &value));
        }
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }

    pub(super) fn column<'t>(
        &mut self,
        live: &'t LiveTable,
        key: &str,
        table: &str,
        name: &str,
    ) -> Option<&'t LiveColumn> {
        let column = self.exists(live, key, table, name)?;
        if column.kind.is_none() {
            let declared = if column.declared.is_empty() {
                "no type"
            } else {
                &column.declared
            };
            let missing = format!("column `{name}` of `{table}` has type `{declared}`, which cannot be an id or owner");
            let instead = match self.dialect {
                Dialect::Postgres => "use a text, uuid, integer or bytea column",
                Dialect::Sqlite => "declare it TEXT, INTEGER or BLOB",
                Dialect::Mysql => "use a char, varchar, text, uuid, integer, binary or varbinary column",
            };
            self.fault(key, missing, Some(instead.to_owned()));
            return None;
        }
        let bytes = column.is_bytes();
        let says = match self.uuids {
            None => false,
            Some(Uuids::Text) => true,
            Some(Uuids::Hex) => !bytes,
            Some(Uuids::Bytes) => bytes,
        };
        if !says && self.holds_uuids(column) {
            // Compared as a text, an id with hyphens would count as absent where the column has digits only; so
            // would one whose bytes are in another order.
            let declared = &column.declared;
            let missing =
                format!("column `{name}` of `{table}` has type `{declared}`; the form of its UUIDs must be configured");
            let instead = if bytes {
                "write `bytes` for UUIDs as 16 bytes in standard order, or `text` if callers send the hexadecimal digits of the bytes"
            } else {
                "write `hex` for 32 digits (SQLAlchemy), or `text` for texts with one spelling"
            };
            self.fault("columns.uuids", missing, Some(instead.to_owned()));
            return None;
        }
        Some(column)
    }

    /// Returns a column whose values are whole numbers (the version) or have an order (the times).
    pub(super) fn asked(
        &mut self,
        live: Option<&LiveTable>,
        word: &str,
        table: &str,
        name: Option<&str>,
    ) -> Option<(Column, Holds)> {
        let (key, (live, name)) = (format!("columns.{word}"), live.zip(name)?);
        let column = self.exists(live, &key, table, name)?;
        let fits = |holds: &&Holds| {
            if word == "version" {
                holds.is_integer()
            } else {
                holds.is_ordered()
            }
        };
        let Some(holds) = column.holds.as_ref().filter(fits) else {
            let what = if word == "version" {
                "is no whole number"
            } else {
                "has no order"
            };
            let missing = format!(
                "column `{name}` of `{table}` has type `{}`, which {what}",
                column.declared
            );
            self.fault(&key, missing, None);
            return None;
        };
        Some((self.plain(column), holds.clone()))
    }

    /// Returns a column that queries may use.
    pub(super) fn field(
        &mut self,
        live: &LiveTable,
        table: &str,
        word: &str,
        field: &FieldPath,
    ) -> Option<(String, Holds)> {
        let key = format!("fields.{word}");
        let column = self.exists(live, &key, table, &field.column)?;
        let fits = |holds: &&Holds| field.path.is_empty() || holds.has_paths();
        let Some(holds) = column.holds.as_ref().filter(fits) else {
            let what = if field.path.is_empty() {
                "which queries cannot use"
            } else {
                "which has no paths inside"
            };
            let (name, declared) = (&column.name, &column.declared);
            let missing = format!("column `{name}` of `{table}` has type `{declared}`, {what}");
            self.fault(&key, missing, None);
            return None;
        };
        Some((column.name.clone(), holds.clone()))
    }

    fn exists<'t>(&mut self, live: &'t LiveTable, key: &str, table: &str, name: &str) -> Option<&'t LiveColumn> {
        let column = live.column(self.dialect, name);
        if column.is_none() {
            let instead = nearest(name, live.columns.iter().map(|column| column.name.as_str()));
            self.fault(key, format!("table `{table}` has no column `{name}`"), instead);
        }
        column
    }

    pub(super) fn unique<'t>(
        &mut self,
        live: &'t LiveTable,
        key: &str,
        table: &str,
        name: &str,
    ) -> Option<&'t LiveColumn> {
        let column = self.column(live, key, table, name)?;
        if !column.unique {
            let unique = live
                .columns
                .iter()
                .filter(|column| column.unique && column.kind.is_some());
            let instead = nearest(name, unique.map(|column| column.name.as_str()));
            let (mut why, mut add) = (String::new(), format!("add a unique index on `{name}` alone"));
            if live.key.len() > 1 && live.key.contains(&column.name) {
                let parts = live.key.join("`, `");
                why = format!(": it is part of the composite key `{parts}`, but an id must be one column");
                add += " if its values are unique, or add a column with unique values";
            }
            let missing = format!("column `{name}` of `{table}` is not unique{why}");
            self.fault(key, missing, Some(instead.unwrap_or(add)));
            return None;
        }
        Some(column)
    }
}
