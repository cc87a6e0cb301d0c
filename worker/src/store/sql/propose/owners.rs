//! The owners of memories: in their own column, or in a row that they reference.

use lethe_common::config::Owners;

use super::{Known, Schema};
use crate::store::StoreError;
use crate::store::sql::SqlStore;
use crate::store::sql::convention::{AGENT, APP, KIND, OWNER_NAME, RUN, USER, WORKSPACE, pick, surely};
use crate::store::sql::schema::Foreign;

/// The owner of a table's rows, as a mapping writes it.
#[derive(Debug)]
pub(in crate::store::sql) struct Owner {
    /// The column with the owner, or with the reference to a row that names the owner.
    pub(in crate::store::sql) user: String,
    /// The table that names the owners, if the column holds references.
    pub(in crate::store::sql) owners: Option<Owners>,
}

impl SqlStore {
    /// Returns the owner of the rows of `name`, whose ids are in `id`.
    pub(in crate::store::sql) async fn owner_of(&self, name: &str, id: &str) -> Result<Option<Owner>, StoreError> {
        let schema = Schema {
            dialect: self.dialect,
            tables: self.known().await?,
        };
        let known = schema
            .tables
            .iter()
            .find(|known| self.dialect.is_table(&known.name, name));
        Ok(known.and_then(|known| schema.owner(known, id)))
    }
}

impl Schema {
    /// Returns the owner of the rows of `known`. The column of their ids has no second role.
    pub(super) fn owner(&self, known: &Known, id: &str) -> Option<Owner> {
        let Some(column) = pick(&known.live, &USER) else {
            return self.referenced(known, id);
        };
        (column.kind.is_some() && column.name != id).then(|| Owner {
            user: column.name.clone(),
            owners: self.names(known, &column.name),
        })
    }

    /// Returns whether rows of `known` name the owners of proposed memories. If a job deleted such a row, nothing would
    /// say whose the memories are.
    pub(super) fn names_owners(&self, known: &Known, roots: &[&Known]) -> bool {
        let is_proposed = |root: &Known| self.is_memories(root) && !self.takes(root, roots) && !self.is_loose(root);
        let proposed = roots.iter().filter(|root| is_proposed(root));
        let mut owners = proposed.filter_map(|root| self.owner(root, &self.id(root)?.name)?.owners);
        owners.any(|owners| owners.table == known.name)
    }

    /// Returns the note about owners in a row that memories reference, if the names that callers use are still elsewhere.
    pub(super) fn note(&self, owners: &Owners) -> String {
        let named = self.named(&owners.table);
        let above = named.and_then(|named| self.names(named, &owners.name));
        let above = above.map(|above| format!(", a key of `{}`", above.table));
        format!("`{}.{}`{}", owners.table, owners.name, above.unwrap_or_default())
    }

    /// Returns the table with the owners' names, if `user` references one that has other names for them.
    fn names(&self, known: &Known, user: &str) -> Option<Owners> {
        self.tables.iter().find_map(|owners| {
            let keys = owners
                .referenced_by
                .iter()
                .filter(|foreign| foreign.table == known.name);
            let id = keys
                .flat_map(|foreign| &foreign.columns)
                .find(|(column, _)| column == user)?;
            let named = pick(&owners.live, &OWNER_NAME)
                .filter(|column| column.unique && column.kind.is_some() && column.name != id.1)?;
            Some(Owners {
                table: owners.name.clone(),
                id: id.1.clone(),
                name: named.name.clone(),
            })
        })
    }

    /// Returns the owner that the row of a conversation names, if the rows of `known` reference one such row.
    fn referenced(&self, known: &Known, id: &str) -> Option<Owner> {
        let keys = self
            .tables
            .iter()
            .flat_map(|above| above.referenced_by.iter().map(move |key| (above, key)));
        let mut found = keys.filter_map(|(above, key)| self.by(known, id, above, key));
        let first = found.next()?;
        // Of two references, none is surer.
        found.next().is_none().then_some(first)
    }

    fn by(&self, known: &Known, id: &str, above: &Known, key: &Foreign) -> Option<Owner> {
        let [(column, referenced)] = key.columns.as_slice() else {
            return None;
        };
        if key.table != known.name || above.name == known.name || column == id || !is_conversation(column, &above.name)
        {
            return None;
        }
        let kind = |table: &Known, name: &str| table.live.column(self.dialect, name)?.kind.clone();
        let reference = kind(known, column)?;
        let name = pick(&above.live, &USER).filter(|name| name.kind.is_some() && name.name != *referenced)?;
        (kind(above, referenced)? == reference).then(|| Owner {
            user: column.clone(),
            owners: Some(Owners {
                table: above.name.clone(),
                id: referenced.clone(),
                name: name.name.clone(),
            }),
        })
    }
}

/// Returns whether a column references a conversation, whose memories are about its person. The person of an agent's or
/// a workspace's row is another one: the person who made it.
fn is_conversation(column: &str, table: &str) -> bool {
    let is_of = |names: &[&str]| names.iter().any(|name| column.eq_ignore_ascii_case(name));
    let is_of_others = [&AGENT[..], &APP, &WORKSPACE, &KIND].into_iter().any(is_of);
    !is_of_others && (is_of(&RUN) || surely(table) > 0)
}

#[cfg(test)]
mod tests {
    use super::is_conversation;

    #[test]
    fn only_conversations_lead_to_the_owner() {
        for (column, table, expected) in [
            ("session_id", "sessions", true),
            ("Thread_ID", "x", true),
            ("belongs_to", "chat_sessions", true),
            ("agent_id", "agents", false),
            ("workspace_id", "workspaces", false),
            ("tenant_id", "conversations", false),
            ("created_by", "users", false),
        ] {
            assert_eq!(is_conversation(column, table), expected, "{column} {table}");
        }
    }
}
