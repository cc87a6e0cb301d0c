//! Proposed mappings for a database without a configuration: by the names of its tables and columns,
//! and by its foreign keys.

use std::collections::{BTreeMap, BTreeSet};

use lethe_common::config::{Columns, Dependent, MappingScope, Table, Uuids};
use sqlx::Row;

use super::SqlStore;
use super::column::Holds;
use super::connect::CallError;
use super::convention::{
    AGENT, APP, CREATED_AT, KIND, MEMORIES, PARTS, RUN, UPDATED_AT, USER, VERSION, WORKSPACE, callable,
    is_about_an_owner, pick, surely,
};
use super::dialect::{Dialect, quote, quote_table};
use super::schema::{self, Foreign, LiveColumn, LiveTable, OnDelete};
use super::statement::Sql;
use crate::store::StoreError;

mod owners;
mod times;

pub(super) use owners::Owner;

/// The tables of a database, by their probable content.
#[derive(Debug, Default)]
pub struct Proposed {
    /// The tables that seem to hold memories.
    pub tables: Vec<Table>,
    /// The tables that have an owner, and do not look like memories.
    pub others: Vec<String>,
    /// The tables whose rows cannot be deleted alone: memories reference them, and go with them, prevent it, or lose
    /// their owner.
    pub above: Vec<String>,
    /// The tables whose rows reference a row with their owner, each with that column.
    pub referring: Vec<String>,
    /// The tables whose rows look like parts of memories, and may belong to none.
    pub loose: Vec<String>,
}

/// A table, and the keys that reference it.
struct Known {
    name: String,
    live: LiveTable,
    referenced_by: Vec<Foreign>,
}

impl SqlStore {
    /// Proposes mappings from the catalogue. It reads no rows but for two things: the length of one id,
    /// where UUIDs may have two forms, and the form of times.
    ///
    /// # Errors
    /// Fails if the database cannot be asked.
    pub async fn propose(&self) -> Result<Proposed, StoreError> {
        let schema = Schema {
            dialect: self.dialect,
            tables: self.known().await?,
        };
        let below = schema.below();
        let mut proposed = Proposed::default();
        let roots: Vec<&Known> = schema
            .tables
            .iter()
            .filter(|known| !below.contains(known.name.as_str()))
            .collect();
        for known in &roots {
            if schema.is_memories(known) && (schema.takes(known, &roots) || schema.names_owners(known, &roots)) {
                proposed.above.push(known.name.clone());
            } else if schema.is_loose(known) {
                proposed.loose.push(known.name.clone());
            } else if schema.is_memories(known)
                && let Some(mut table) = schema.table(known)
            {
                if let Some(columns) = &mut table.columns {
                    if pick(&known.live, &USER).is_none()
                        && let Some(owners) = &columns.owners
                    {
                        let note = format!("`{}` by {}", table.name, schema.note(owners));
                        proposed.referring.push(note);
                    }
                    columns.uuids = self.uuids(known, columns).await?;
                    table.counted = self.times(known, columns).await?;
                }
                proposed.tables.push(table);
            } else if pick(&known.live, &USER).is_some() {
                proposed.others.push(known.name.clone());
            }
        }
        leave_dependents(&mut proposed.tables);
        Ok(proposed)
    }

    async fn known(&self) -> Result<Vec<Known>, StoreError> {
        let dialect = self.dialect;
        let names = self
            .bounded(async { Ok(schema::tables(&mut *self.readers.acquire().await?, dialect).await?) })
            .await?;
        let mut known = Vec::with_capacity(names.len());
        for name in names {
            let read = async {
                let mut connection = self.readers.acquire().await?;
                let live = schema::read(&mut connection, dialect, &name, false).await?;
                let referenced_by = schema::references(&mut connection, dialect, &name).await?;
                Ok::<_, CallError>(live.zip(Some(referenced_by)))
            };
            if let Some((live, referenced_by)) = self.bounded(read).await?
                && !live.obstacle.is_some_and(schema::Obstacle::keeps_from_reading)
            {
                known.push(Known {
                    name,
                    live,
                    referenced_by,
                });
            }
        }
        Ok(known)
    }

    /// Returns the form of UUIDs in the columns of a table whose type does not say it.
    async fn uuids(&self, known: &Known, columns: &Columns) -> Result<Option<Uuids>, StoreError> {
        let mapped = [Some(&columns.id), columns.user.as_ref(), columns.workspace.as_ref()];
        let unsure = mapped.into_iter().flatten().find(|name| {
            let column = known.live.column(self.dialect, name);
            column.is_some_and(|column| column.may_hold_uuids(self.dialect))
        });
        let Some(name) = unsure else { return Ok(None) };
        let (column, table) = (quote(name), quote_table(&known.name));
        let length = match self.dialect {
            Dialect::Postgres => format!("length({column})::pg_catalog.int8"),
            Dialect::Sqlite | Dialect::Mysql => format!("length({column})"),
        };
        let text = format!("-- store::sql::propose\nSELECT {length} FROM {table} WHERE {column} IS NOT NULL LIMIT 1");
        let length: Option<i64> = self
            .bounded(async {
                let asked = Sql::vouched(self.dialect, text).about(Vec::new());
                let row = asked.fetch_optional(&self.readers).await?;
                Ok(row.map(|row| row.try_get(0)).transpose()?)
            })
            .await?;
        let bytes = known
            .live
            .column(self.dialect, name)
            .is_some_and(schema::LiveColumn::is_bytes);
        if bytes {
            let uuids = length.is_none_or(|length| length == 16);
            return Ok(Some(if uuids { Uuids::Bytes } else { Uuids::Text }));
        }
        // SQLAlchemy, which made most of these tables, writes 32 digits.
        Ok(Some(if length.is_none_or(|length| length == 32) {
            Uuids::Hex
        } else {
            Uuids::Text
        }))
    }
}

/// Removes tables that are dependents of another proposed table: a mapping of their own would be refused.
fn leave_dependents(tables: &mut Vec<Table>) {
    let is_below = |one: &Table, tables: &[Table]| {
        let mut others = tables.iter().filter(|other| other.sql_table() != one.sql_table());
        others.any(|other| other.dependent_tables().contains(&one.sql_table()))
    };
    // One at a time: of two that are dependents of each other, one stays.
    while let Some(n) = tables.iter().position(|table| is_below(table, tables)) {
        tables.remove(n);
    }
}

fn is_called(name: &str, parts: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    parts.iter().any(|part| name.contains(part))
}

struct Schema {
    dialect: Dialect,
    tables: Vec<Known>,
}

impl Schema {
    fn is_memories(&self, known: &Known) -> bool {
        (is_called(&known.name, &MEMORIES) || self.has_parts(known)) && self.id(known).is_some()
    }

    /// Returns whether a table with a name for parts of memories has rows that belong to those of `known`, and
    /// to no others.
    fn has_parts(&self, known: &Known) -> bool {
        let belongs = |part: &str, whole: &Known| {
            let of_part = |foreign: &&Foreign| foreign.table == part && whole.name != part;
            whole.referenced_by.iter().filter(of_part).any(|foreign| {
                // A reference to an owner or a session is none to a memory.
                matches!(foreign.columns.as_slice(), [(column, _)] if !is_about_an_owner(column))
            })
        };
        let parts = known.referenced_by.iter().map(|foreign| foreign.table.as_str());
        parts.filter(|part| is_called(part, &PARTS)).any(|part| {
            let wholes = self.tables.iter().filter(|whole| belongs(part, whole));
            belongs(part, known) && wholes.count() == 1
        })
    }

    /// Returns the tables whose rows belong to memories in another table.
    fn below(&self) -> BTreeSet<&str> {
        let mut below = BTreeSet::new();
        for known in self.tables.iter().filter(|known| self.is_memories(known)) {
            let single = known.referenced_by.iter().filter(|foreign| foreign.columns.len() == 1);
            for foreign in single.filter(|foreign| foreign.table != known.name && self.belongs(known, foreign)) {
                // Of two tables that reference each other, the first is above.
                if !below.contains(known.name.as_str()) || !self.references(known, &foreign.table) {
                    below.insert(foreign.table.as_str());
                }
            }
        }
        below
    }

    /// Returns whether each row with the key belongs to one row of `known`, and is deleted with it. Rows that are
    /// more surely memories than those of `known` are memories of their own.
    fn belongs(&self, known: &Known, foreign: &Foreign) -> bool {
        let Some(child) = self.named(&foreign.table) else {
            return false;
        };
        let nullable = |name: &String| {
            child
                .live
                .column(self.dialect, name)
                .is_none_or(|column| column.nullable)
        };
        foreign.on_delete != OnDelete::Stays
            && !foreign.columns.iter().any(|(column, _)| nullable(column))
            && surely(&child.name) <= surely(&known.name)
    }

    /// Returns whether a row of `known` cannot be deleted alone: rows that are more surely memories go with it, or
    /// prevent it.
    fn takes(&self, known: &Known, roots: &[&Known]) -> bool {
        let keys = known.referenced_by.iter();
        keys.filter(|key| key.on_delete != OnDelete::Stays).any(|key| {
            let child = roots.iter().find(|root| root.name == key.table);
            child.is_some_and(|child| self.is_memories(child) && surely(&child.name) > surely(&known.name))
        })
    }

    /// Returns whether rows of `known` are parts of other tables' rows, may belong to none, and have no owner: no
    /// job could find them by owner.
    fn is_loose(&self, known: &Known) -> bool {
        let is_ownerless = self.is_memories(known) && pick(&known.live, &USER).is_none();
        let (sure, others) = (surely(&known.name), self.tables.iter());
        let mut wholes = others.filter(|whole| sure == 0 || surely(&whole.name) > sure);
        is_ownerless
            && wholes
                .any(|whole| whole.name != known.name && self.is_memories(whole) && self.references(known, &whole.name))
    }

    fn named(&self, name: &str) -> Option<&Known> {
        self.tables.iter().find(|known| known.name == name)
    }

    /// Returns whether rows of `known` reference those of `name`.
    fn references(&self, known: &Known, name: &str) -> bool {
        let other = self.tables.iter().find(|other| other.name == name);
        other.is_some_and(|other| other.referenced_by.iter().any(|foreign| foreign.table == known.name))
    }

    /// Returns the column of the memories' ids: the one that dependents reference, else one with a usual name.
    fn id<'t>(&self, known: &'t Known) -> Option<&'t LiveColumn> {
        let unique = || {
            known
                .live
                .columns
                .iter()
                .filter(|column| column.unique && column.kind.is_some())
        };
        let referenced = known
            .referenced_by
            .iter()
            .find_map(|foreign| match foreign.columns.as_slice() {
                [(_, referenced)] => Some(referenced.as_str()),
                _ => None,
            });
        let named = referenced.into_iter().chain(["id", "memory_id", "uuid"]);
        let mut named = named.filter_map(|name| unique().find(|column| self.dialect.is_column(&column.name, name)));
        named.next().or_else(|| unique().next())
    }

    /// Returns the mapping of a table.
    fn table(&self, known: &Known) -> Option<Table> {
        let id = self.id(known)?;
        let live = &known.live;
        let key = |names: &[&str]| pick(live, names).filter(|column| column.kind.is_some());
        let text = |column: Option<&LiveColumn>| column.map(|column| column.name.clone());
        let whole = |column: &&LiveColumn| column.holds.as_ref().is_some_and(Holds::is_integer);
        let ordered = |column: &&LiveColumn| column.holds.as_ref().is_some_and(Holds::is_ordered);
        let (user, owners) = self
            .owner(known, &id.name)
            .map_or((None, None), |owner| (Some(owner.user), owner.owners));
        let columns = Columns {
            id: id.name.clone(),
            user,
            agent: text(key(&AGENT)),
            app: text(key(&APP)),
            // The id has no second role.
            run: text(key(&RUN).filter(|column| column.name != id.name)),
            workspace: text(key(&WORKSPACE)),
            kind: text(key(&KIND)),
            version: text(pick(live, &VERSION).filter(whole)),
            created_at: text(pick(live, &CREATED_AT).filter(ordered)),
            updated_at: text(pick(live, &UPDATED_AT).filter(ordered)),
            owners,
            uuids: None,
        };
        let name = callable(&known.name);
        Some(Table {
            sql_table: (name != known.name).then(|| known.name.clone()),
            name,
            dependents: self.dependents(known, &id.name, &mut vec![&known.name]),
            columns: Some(columns),
            scope: MappingScope::default(),
            fields: BTreeMap::new(),
            counted: BTreeMap::new(),
            time_zone: None,
            collection: None,
        })
    }

    /// Returns the dependents that must be deleted before a row of `known`, and that reference its `id`.
    fn dependents<'t>(&'t self, known: &'t Known, id: &str, above: &mut Vec<&'t str>) -> Vec<Dependent> {
        let mut dependents = Vec::new();
        for foreign in &known.referenced_by {
            let [(column, referenced)] = foreign.columns.as_slice() else {
                continue;
            };
            if referenced != id
                || !self.belongs(known, foreign)
                || above.contains(&foreign.table.as_str())
                || above.len() > Dependent::LEVELS
            {
                continue;
            }
            let Some(child) = self.tables.iter().find(|child| child.name == foreign.table) else {
                continue;
            };
            let child_id = self.id(child).map(|id| id.name.clone());
            above.push(&child.name);
            let below = child_id
                .as_deref()
                .map(|id| self.dependents(child, id, above))
                .unwrap_or_default();
            above.pop();
            // Rows that the database deletes by itself need no mapping.
            if foreign.on_delete == OnDelete::Goes && below.is_empty() {
                continue;
            }
            dependents.push(Dependent {
                table: child.name.clone(),
                references: column.clone(),
                nullable: false,
                id: child_id.filter(|_| !below.is_empty()),
                dependents: below,
            });
        }
        dependents
    }
}
