//! Tables that no mapping lists, and whose rows the database deletes with rows of a mapping.

use lethe_common::config::Table;

use super::super::connect::CallError;
use super::super::schema::{self, Foreign, OnDelete};
use super::check::Check;

/// A table whose rows the database deletes with rows of another one.
#[derive(Debug)]
pub(super) struct Cascade {
    /// Its key.
    pub(super) foreign: Foreign,
    /// The table that its key references.
    pub(super) with: String,
}

impl Cascade {
    /// Returns the names of the table, as a mapping would write it and with its schema.
    pub(super) fn names(self) -> [String; 2] {
        [self.foreign.table, self.foreign.full_name]
    }
}

impl Check<'_> {
    /// Returns the tables that the mapping of `table` does not list, and whose rows the database deletes with its rows.
    pub(super) async fn cascades(&mut self, table: &Table) -> Result<Vec<Cascade>, CallError> {
        let mapped = std::iter::once(table.sql_table()).chain(table.dependent_tables());
        // Each by the name for people, and by the name that the catalogue is asked for. Two schemas may have tables of
        // one name.
        let mut deleted: Vec<(String, String)> = mapped.map(|name| (name.to_owned(), name.to_owned())).collect();
        let (mut cascades, mut next) = (Vec::new(), 0);
        while let Some((with, name)) = deleted.get(next).cloned() {
            next += 1;
            for foreign in schema::references(self.connection, self.dialect, &name).await? {
                let is_known = deleted.iter().any(|(_, known)| foreign.is_of(self.dialect, known));
                if foreign.on_delete == OnDelete::Goes && !is_known {
                    deleted.push((foreign.table.clone(), foreign.full_name.clone()));
                    cascades.push(Cascade {
                        foreign,
                        with: with.clone(),
                    });
                }
            }
        }
        Ok(cascades)
    }
}
