//! The check of a table with the names of owners, which memories reference.

use std::collections::BTreeMap;

use lethe_common::config::Owners;
use lethe_common::job::Field;

use super::super::column::{Column, Holds, Names};
use super::super::connect::CallError;
use super::super::dialect::quote_table;
use super::super::schema;
use super::asked_as;
use super::cascades::Cascade;
use super::check::Check;

impl Check<'_> {
    /// Makes the owners' column of a table compare by the names in the table of owners.
    pub(super) async fn owners(
        &mut self,
        owners: &Owners,
        cascades: &[Cascade],
        fields: &mut [(Field, Column)],
    ) -> Result<(), CallError> {
        let Some(mut live) = schema::read(self.connection, self.dialect, &owners.table, false).await? else {
            // This adds the fault that the table is missing.
            self.table("columns.owners.table", &owners.table, false).await?;
            return Ok(());
        };
        // The table is only read.
        live.obstacle = live.obstacle.filter(|obstacle| obstacle.keeps_from_reading());
        if let Some(obstacle) = live.obstacle {
            let (missing, instead) = obstacle.explain(self.dialect, &owners.table);
            self.fault("columns.owners.table", missing, Some(instead));
            return Ok(());
        }
        self.owners_stay(owners, cascades);
        // Of two rows with one id, each would name an owner of the memory.
        let id = self.unique(&live, "columns.owners.id", &owners.table, &owners.id);
        let name = self.column(&live, "columns.owners.name", &owners.table, &owners.name);
        let user = fields.iter_mut().find(|(field, _)| *field == Field::User);
        let (Some(id), Some(name), Some((_, user))) = (id, name, user) else {
            return Ok(());
        };
        if user.kind != self.plain(id).kind {
            let missing = format!(
                "columns `{}` and `{}` of `{}` have different types",
                user.name, owners.id, owners.table
            );
            self.fault("columns.owners.id", missing, None);
        }
        let plain = self.plain(name);
        self.only_bytes(&owners.table, None, &[&plain]).await?;
        user.names = Some(Box::new(Names {
            table: quote_table(&owners.table),
            source: owners.table.clone(),
            id: id.name.clone(),
            field: owners.field(),
            holds: asked_as(&plain.kind, name),
            name: plain,
        }));
        Ok(())
    }

    /// Refuses owners that the database deletes with memories: no job would find the owner's other memories.
    fn owners_stay(&mut self, owners: &Owners, cascades: &[Cascade]) {
        let dialect = self.dialect;
        let mut cascades = cascades.iter();
        let found = cascades.find(|cascade| cascade.foreign.is_of(dialect, &owners.table));
        if let Some(Cascade { with, .. }) = found {
            let missing = format!(
                "the database deletes rows of `{}` with the rows of `{with}` that they reference, and without \
                 its owner no job finds a memory",
                owners.table
            );
            let instead = "declare the key ON DELETE SET NULL".to_owned();
            self.fault("columns.owners.table", missing, Some(instead));
        }
    }

    /// Adds the field by which queries compare the owners of references to the fields of `table`.
    pub(super) fn owner_field(&mut self, table: &str, fields: &[(Field, Column)], asked: &mut BTreeMap<String, Holds>) {
        let names = fields.iter().find_map(|(_, column)| column.names.as_deref());
        if let Some((field, holds)) = names.and_then(|names| Some((&names.field, names.holds.clone()?)))
            && asked.insert(field.clone(), holds).is_some()
        {
            let missing = format!("a column of `{table}` is called `{field}`, as queries call the owner");
            self.fault("columns.owners", missing, None);
        }
    }
}
