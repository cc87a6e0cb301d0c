//! Whether the live schema still has the types of the ids and the fields.
//!
//! A text that the type of a column cannot hold counts as absent without a question to the database. If the type has
//! changed since the schema was read, a row may have it now.

use sqlx::AnyConnection;

use super::super::column::Column;
use super::super::dialect::Dialect;
use super::super::schema;
use super::Mapping;
use super::check::Check;

impl Mapping {
    /// Returns whether the ids and the fields have the types that they had when the schema was read.
    pub(in super::super) async fn is_current(
        &self,
        connection: &mut AnyConnection,
        dialect: Dialect,
    ) -> Result<bool, sqlx::Error> {
        let mut check = Check {
            connection,
            dialect,
            uuids: self.uuids,
            faults: Vec::new(),
        };
        let fields = self.fields.iter().map(|(_, column)| column);
        let names = fields.clone().filter_map(|column| column.names.as_deref());
        let owners = names.map(|names| (names.source.as_str(), vec![&names.name]));
        let own = (self.name.as_str(), fields.chain([&self.id]).collect());
        let tables: Vec<(&str, Vec<&Column>)> = owners.chain([own]).collect();
        for (table, columns) in tables {
            if !check.has_kinds(table, &columns).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Check<'_> {
    async fn has_kinds(&mut self, table: &str, columns: &[&Column]) -> Result<bool, sqlx::Error> {
        let Some(live) = schema::read(self.connection, self.dialect, table, false).await? else {
            return Ok(false);
        };
        let is_same = |column: &&Column| {
            let found = live.column(self.dialect, &column.name);
            found.is_some_and(|found| self.plain(found).kind == column.kind)
        };
        Ok(columns.iter().all(is_same))
    }
}
