//! Rows of dependents that outlive the row that they reference: no deletion of a memory would delete them,
//! and no report would show them.

use lethe_common::config::Dependent;

use super::super::connect::CallError;
use super::super::schema::{self, OnDelete};
use super::check::Check;

impl Check<'_> {
    /// Checks whether rows of a dependent may exist without the row of `parent` that they belong to.
    pub(super) async fn outlives(
        &mut self,
        dependent: &Dependent,
        parent: &str,
        nullable: bool,
    ) -> Result<(), CallError> {
        let Dependent { table, references, .. } = dependent;
        let dialect = self.dialect;
        let same = move |live: &str, name: &str| dialect.is_column(live, name);
        let keys = schema::references(self.connection, dialect, parent).await?;
        let is_left = keys.iter().any(|key| {
            let columns = key.columns.iter();
            key.on_delete == OnDelete::Stays
                && dialect.is_table(&key.table, table)
                && columns.map(|(column, _)| column).any(|column| same(column, references))
        });
        if is_left {
            let missing = format!(
                "rows of `{table}` stay when the row referenced by `{references}` is deleted: ON DELETE SET NULL or SET DEFAULT"
            );
            let instead =
                format!("give `{table}` a table of its own in this target, or let the key be ON DELETE CASCADE");
            self.fault("dependents.references", missing, Some(instead));
        } else if nullable && !dependent.nullable {
            let missing = format!(
                "column `{references}` of `{table}` may be NULL: rows with NULL belong to no memory and would stay"
            );
            let instead = format!(
                "make it NOT NULL, give `{table}` a table of its own in this target, or write nullable = true if \
                 such rows belong to no person"
            );
            self.fault("dependents.references", missing, Some(instead));
        }
        Ok(())
    }
}
