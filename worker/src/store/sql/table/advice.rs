//! Advice on a mapping that fits the live schema.

use lethe_common::config::{Dependent, Owners, Table};
use lethe_common::job::Field;

use super::SqlTable;
use crate::store::sql::convention::{self, CREATED_AT};
use crate::store::sql::dialect::Dialect;
use crate::store::sql::propose::Owner;
use crate::store::sql::schema::{self, Foreign, OnDelete};
use crate::store::{MappingFault, StoreError, word};

impl SqlTable {
    /// Returns advice that makes deletions more complete, or saves full table scans. `table` is the
    /// mapping that it was opened with.
    ///
    /// # Errors
    /// Fails if the database cannot be asked.
    pub async fn advice(&self, table: &Table) -> Result<Vec<MappingFault>, StoreError> {
        self.advice_beside(table, &[]).await
    }

    /// Returns the same as [`advice`](Self::advice), with the other tables of the target in view: their rows
    /// are deleted by mappings of their own.
    ///
    /// # Errors
    /// Fails if the database cannot be asked.
    pub async fn advice_beside(&self, table: &Table, others: &[Table]) -> Result<Vec<MappingFault>, StoreError> {
        let mut advice = self.unmapped(table, others).await?;
        advice.extend(self.unowned(table).await?);
        advice.extend(self.without_index(table));
        let Some(live) = self.live(table.sql_table()).await? else {
            return Ok(advice);
        };
        if let Some(columns) = &table.columns
            && columns.created_at.is_none()
            && let Some(column) = convention::pick(&live, &CREATED_AT)
        {
            advice.push(MappingFault::new(
                "columns.created_at",
                "is not mapped: a query may delete rows created after it began",
                Some(format!("write created_at = \"{}\"", column.name)),
            ));
        }
        advice.extend(self.reused(table, &live));
        Ok(advice)
    }

    /// Returns the lines that give the rows their owner, if the mapping has none.
    async fn unowned(&self, table: &Table) -> Result<Option<MappingFault>, StoreError> {
        if self.mapping.field(Field::User).is_some() {
            return Ok(None);
        }
        let owner = self.store.owner_of(table.sql_table(), &self.mapping.id.name).await?;
        Ok(owner.map(|Owner { user, owners }| {
            let instead = match owners {
                None => format!("write user = \"{user}\""),
                Some(Owners { table, id, name }) => format!(
                    "write user = \"{user}\", owners = {{ table = \"{table}\", id = \"{id}\", name = \"{name}\" }} if \
                     `{name}` of `{table}` is the person of each memory"
                ),
            };
            let missing = "is not mapped: no job finds the memories of a person";
            MappingFault::new("columns.user", missing, Some(instead))
        }))
    }

    /// Returns advice about ids that the database reuses for new rows.
    fn reused(&self, table: &Table, live: &schema::LiveTable) -> Option<MappingFault> {
        let id = live.reused.as_ref().filter(|id| **id == self.mapping.id.name)?;
        let written = self.store.dialect.written(id);
        Some(MappingFault::new(
            "columns.id",
            format!(
                "the database reuses the highest `{id}` of `{}` after its row is deleted: a job that lists it may erase \
                 a memory that was written since",
                table.sql_table()
            ),
            Some(format!(
                "copy the rows into a table with {written} INTEGER PRIMARY KEY AUTOINCREMENT"
            )),
        ))
    }

    /// Returns advice about unmapped rows that reference mapped ones, and would stay.
    async fn unmapped(&self, table: &Table, others: &[Table]) -> Result<Vec<MappingFault>, StoreError> {
        let mut advice = Vec::new();
        let id = Some(self.mapping.id.name.as_str());
        let mut tables = vec![(vec![table.sql_table()], id, table.dependents.as_slice())];
        while let Some((way, id, dependents)) = tables.pop() {
            let name = way[way.len() - 1];
            for foreign in self.references(name).await? {
                let of_these = |name: &&str| self.store.dialect.is_column(&foreign.table, name);
                if way.iter().any(of_these) {
                    // Keys that prevent deletions in a circle are faults. Rows that stay lose their reference.
                    if way.len() == 1 && foreign.on_delete == OnDelete::Goes {
                        advice.push(with_others(&foreign, table));
                    }
                } else if !self.is_mapped(&foreign, dependents) {
                    advice.extend(self.left(&foreign, name, id, others).await?);
                }
            }
            tables.extend(dependents.iter().map(|below| {
                let way = [way.as_slice(), &[below.table.as_str()]].concat();
                (way, below.id.as_deref(), below.dependents.as_slice())
            }));
        }
        Ok(advice)
    }

    /// Returns advice about rows that reference those of `name` and are not mapped as dependents.
    async fn left(
        &self,
        foreign: &Foreign,
        name: &str,
        id: Option<&str>,
        others: &[Table],
    ) -> Result<Option<MappingFault>, StoreError> {
        if let Some(other) = others.iter().find(|other| self.has_rows_of(other, foreign)) {
            return Ok(apart(foreign, name, other));
        }
        if foreign.on_delete == OnDelete::Goes {
            return Ok(None);
        }
        let nullable = self.may_be_null(foreign).await?;
        Ok(Some(about(foreign, name, id, nullable)))
    }

    fn is_mapped(&self, foreign: &Foreign, dependents: &[Dependent]) -> bool {
        let [(column, _)] = foreign.columns.as_slice() else {
            return false;
        };
        let same = |live: &str, name: &str| self.store.dialect.is_column(live, name);
        dependents
            .iter()
            .any(|dependent| same(&foreign.table, &dependent.table) && same(column, &dependent.references))
    }

    fn has_rows_of(&self, other: &Table, foreign: &Foreign) -> bool {
        other.columns.is_some() && self.store.dialect.is_table(&foreign.table, other.sql_table())
    }

    async fn may_be_null(&self, foreign: &Foreign) -> Result<bool, StoreError> {
        let live = self.live(&foreign.table).await?;
        let may_be = |(column, _): &(String, String)| {
            let column = live.as_ref()?.column(self.store.dialect, column)?;
            Some(column.nullable)
        };
        Ok(foreign.columns.iter().filter_map(may_be).any(|nullable| nullable))
    }

    fn without_index(&self, table: &Table) -> Vec<MappingFault> {
        let (mapping, dialect) = (&self.mapping, self.store.dialect);
        let owners = [
            (Field::User, "a person's memories need a full table scan"),
            (Field::Workspace, "a workspace's memories need a full table scan"),
        ];
        let mut advice = Vec::new();
        for (field, what) in owners {
            if let Some(column) = mapping.field(field)
                && !mapping.indexed.contains(&column.name)
            {
                let key = format!("columns.{}", word(field));
                advice.push(no_index(dialect, &key, table.sql_table(), &column.name, what));
            }
        }
        let dependents = mapping.dependents.iter().filter(|reference| !reference.indexed);
        advice.extend(dependents.map(|reference| {
            let (key, what) = ("dependents.references", "each batch needs a full table scan");
            no_index(dialect, key, &reference.name, &reference.column.name, what)
        }));
        advice
    }

    async fn live(&self, name: &str) -> Result<Option<schema::LiveTable>, StoreError> {
        self.store
            .bounded(async {
                let mut connection = self.store.readers.acquire().await?;
                Ok(schema::read(&mut connection, self.store.dialect, name, false).await?)
            })
            .await
    }

    async fn references(&self, name: &str) -> Result<Vec<Foreign>, StoreError> {
        self.store
            .bounded(async {
                let mut connection = self.store.readers.acquire().await?;
                Ok(schema::references(&mut connection, self.store.dialect, name).await?)
            })
            .await
    }
}

fn no_index(dialect: Dialect, key: &str, table: &str, column: &str, what: &str) -> MappingFault {
    // Two of the three databases require a name.
    let name = dialect.written(&format!("{}_{column}", table.replace('.', "_")));
    let (table, written) = (dialect.written(table), dialect.written(column));
    MappingFault::new(
        key,
        format!("no index begins with `{column}`: {what}"),
        Some(format!("CREATE INDEX {name} ON {table} ({written})")),
    )
}

/// Returns the advice about a key by which memories are deleted with other memories.
fn with_others(foreign: &Foreign, table: &Table) -> MappingFault {
    let columns: Vec<&str> = foreign.columns.iter().map(|(column, _)| column.as_str()).collect();
    let (name, columns) = (&foreign.table, columns.join("`, `"));
    let vectors = match table.collection {
        Some(_) => ", and leave their vectors behind",
        None => "",
    };
    MappingFault::new(
        "sql_table",
        format!(
            "the database deletes rows of `{name}` with the row that they reference by `{columns}`, even if not selected, and does not count them{vectors}"
        ),
        Some("declare the key ON DELETE SET NULL".to_owned()),
    )
}

/// Returns the advice about a key by which rows with a mapping of their own reference `name`, unless each can be
/// deleted alone.
fn apart(foreign: &Foreign, name: &str, other: &Table) -> Option<MappingFault> {
    let columns: Vec<&str> = foreign.columns.iter().map(|(column, _)| column.as_str()).collect();
    let (table, columns) = (&foreign.table, columns.join("`, `"));
    let consequence = match (foreign.on_delete, &other.collection) {
        (OnDelete::Stays, _) => return None,
        (OnDelete::Goes, None) => "are deleted with them, even if not selected, and are not counted",
        (OnDelete::Goes, Some(_)) => {
            "are deleted with them, even if not selected, are not counted, and leave their vectors behind"
        }
        (OnDelete::Keeps, _) => "prevent their deletion until they are deleted themselves",
    };
    Some(MappingFault::new(
        "sql_table",
        format!("rows of `{table}`, which has its own table here, reference `{name}` by `{columns}` and {consequence}"),
        Some("declare the key ON DELETE SET NULL".to_owned()),
    ))
}

/// Returns the advice about a key by which rows reference `name`; dependents reference its `id`.
fn about(foreign: &Foreign, name: &str, id: Option<&str>, nullable: bool) -> MappingFault {
    let columns: Vec<&str> = foreign.columns.iter().map(|(column, _)| column.as_str()).collect();
    let (table, columns) = (&foreign.table, columns.join("`, `"));
    let consequence = match foreign.on_delete {
        OnDelete::Keeps => "prevent the deletion of the rows that they reference",
        OnDelete::Goes | OnDelete::Stays => "stay without the reference",
    };
    let instead = match foreign.columns.as_slice() {
        _ if foreign.on_delete == OnDelete::Stays => {
            format!(
                "give `{table}` a table of its own in this target, or let the database delete them: ON DELETE CASCADE"
            )
        }
        [(column, referenced)] if id.is_none_or(|id| id == referenced) => {
            let key = id.map_or_else(|| format!("id = \"{referenced}\" and "), |_| String::new());
            let write = format!("dependents = [{{ table = \"{table}\", references = \"{column}\" }}] for `{name}`");
            if nullable {
                format!(
                    "make `{column}` NOT NULL and write {key}{write}; add nullable = true if rows with NULL belong to no person"
                )
            } else {
                format!("write {key}{write}")
            }
        }
        _ => "let the database delete them: ON DELETE CASCADE".to_owned(),
    };
    MappingFault::new(
        "dependents",
        format!("rows of `{table}` reference `{name}` by `{columns}` and {consequence}"),
        Some(instead),
    )
}
