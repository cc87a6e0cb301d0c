//! Well-known schemas: the tables that `preset = "…"` in a `[[target]]` stands for.
//!
//! The tables of a preset are data, in `common/presets`: read and checked like the file's own tables.
//! This module chooses the text of a preset, and the tables that fit a target.

use secrecy::ExposeSecret;
use serde::Deserialize;
use strum::{EnumString, VariantNames};

use super::target::{Table, Target};
use super::text;

/// A well-known schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, VariantNames)]
#[serde(try_from = "String")]
#[strum(serialize_all = "lowercase")]
pub enum Preset {
    /// Agno's memories in SQLite or PostgreSQL.
    Agno,
    /// mem0's memories in Qdrant.
    Mem0,
    /// The memories of mem0's self-hosted server.
    OpenMemory,
}

impl Preset {
    /// The names, as written in the file.
    pub const NAMES: &'static [&'static str] = Self::VARIANTS;

    /// Returns the tables that it stands for in `target`, as a file would write them.
    pub(super) fn text(self, target: &Target) -> &'static str {
        let sqlite = target
            .sql
            .as_ref()
            .is_some_and(|sql| sql.url.expose_secret().starts_with("sqlite:"));
        match self {
            Self::Agno if sqlite => include_str!("../../presets/agno.sqlite.toml"),
            Self::Agno => include_str!("../../presets/agno.postgres.toml"),
            Self::Mem0 => include_str!("../../presets/mem0.toml"),
            Self::OpenMemory => include_str!("../../presets/openmemory.toml"),
        }
    }

    /// Returns a table of the preset, as it is in `target`.
    ///
    /// # Errors
    ///
    /// The store that the table needs and the target lacks.
    pub(super) fn fit(self, mut table: Table, target: &Target) -> Result<Table, Lacking> {
        if table.columns.is_some() && target.sql.is_none() {
            return Err(Lacking::Sql);
        }
        if target.vector.is_none() {
            // Of these systems only Agno works without vectors. The vectors of the others would stay, unnoticed.
            if self != Self::Agno {
                return Err(Lacking::Vector);
            }
            table.collection = None;
        }
        Ok(table)
    }
}

impl TryFrom<String> for Preset {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text)
    }
}

/// A store that a preset's table needs and the target lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lacking {
    Sql,
    Vector,
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    const SQLITE: &str = "sql = { url = \"sqlite://memories.db\" }\n";
    const POSTGRES: &str = "sql = { url = \"postgres://db/memories\" }\n";
    const VECTOR: &str = "vector = { url = \"https://q:6334\" }\n";

    fn target(preset: &str, stores: &str) -> String {
        format!("[[target]]\nname = \"main\"\n{preset}{stores}")
    }

    /// Returns the name and the digest of every mapping.
    fn mappings(text: &str) -> Vec<(String, String)> {
        let config = Config::from_toml(text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
        config
            .mappings()
            .map(|mapping| (mapping.table.name.clone(), mapping.digest))
            .collect()
    }

    fn refused(text: &str) -> String {
        Config::from_toml(text).unwrap_err().to_string()
    }

    #[test]
    fn a_preset_is_the_mapping_that_it_spells_out() {
        let agno = "columns = { id = \"memory_id\", user = \"user_id\", agent = \"agent_id\", \
             created_at = \"created_at\", updated_at = \"updated_at\" }\n\
             as = { created_at = \"seconds\", updated_at = \"seconds\" }\n";
        let memories = "collection = { name = \"memories\", point = \"uuid\", \
             payload = { id = \"memory_id\", user = \"user_id\", agent = \"agent_id\" } }\n";
        let mem0 = "collection = { name = \"mem0\", point = \"uuid\", \
             payload = { user = \"user_id\", agent = \"agent_id\", run = \"run_id\" } }\n";
        let schema = "sql_table = \"ai.agno_memories\"\n";
        let openmemory = "columns = { id = \"id\", user = \"user_id\", uuids = \"hex\", \
             owners = { table = \"users\", id = \"id\", name = \"user_id\" } }\n\
             dependents = [{ table = \"memory_categories\", references = \"memory_id\" }, \
             { table = \"memory_access_logs\", references = \"memory_id\" }, \
             { table = \"memory_status_history\", references = \"memory_id\" }, \
             { table = \"access_controls\", references = \"object_id\", nullable = true }]\n";
        let points = "collection = { name = \"openmemory\", point = \"uuid\", payload = { user = \"user_id\" } }\n";
        let cases: [(&str, &[&str], &str, &[&str]); 7] = [
            ("agno", &[SQLITE], "agno_memories", &[agno]),
            ("agno", &[SQLITE, VECTOR], "agno_memories", &[agno, memories]),
            ("agno", &[POSTGRES], "agno_memories", &[schema, agno]),
            ("agno", &[POSTGRES, VECTOR], "agno_memories", &[schema, agno, memories]),
            ("mem0", &[VECTOR], "mem0", &[mem0]),
            ("openmemory", &[SQLITE, VECTOR], "memories", &[openmemory, points]),
            ("openmemory", &[POSTGRES, VECTOR], "memories", &[openmemory, points]),
        ];
        for (preset, stores, name, table) in cases {
            let stores = stores.concat();
            let table = format!("[[target.table]]\nname = \"{name}\"\n{}", table.concat());
            let spelled = mappings(&(target("", &stores) + &table));
            let short = mappings(&target(&format!("preset = \"{preset}\"\n"), &stores));
            assert_eq!(spelled, short, "{preset} {stores}");
        }
    }

    #[test]
    fn what_the_file_writes_wins() {
        let preset = target("preset = \"agno\"\n", SQLITE);
        let own = "[[target.table]]\nname = \"agno_memories\"\ncolumns = { id = \"id\" }\n";
        assert_eq!(mappings(&(preset.clone() + own)), mappings(&(target("", SQLITE) + own)));
        let other = own.replace("agno_memories", "notes");
        let both: Vec<String> = mappings(&(preset + &other)).into_iter().map(|(name, _)| name).collect();
        assert_eq!(both, ["notes", "agno_memories"]);
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_known_ones() {
        let errors = refused(&target("preset = \"zep\"\n", SQLITE));
        assert_eq!(
            errors,
            "target[0].preset: write one of \"agno\", \"mem0\", \"openmemory\""
        );
    }

    #[test]
    fn a_store_that_a_preset_needs_is_asked_for() {
        for (preset, has, key, write) in [
            ("agno", VECTOR, "target[0].sql: ", "sql = { url = "),
            ("mem0", SQLITE, "target[0].vector: ", "vector = { url = "),
            ("openmemory", VECTOR, "target[0].sql: ", "sql = { url = "),
            ("openmemory", SQLITE, "target[0].vector: ", "vector = { url = "),
        ] {
            let errors = refused(&target(&format!("preset = \"{preset}\"\n"), has));
            assert!(errors.starts_with(key) && errors.contains(write), "{errors}");
            assert_eq!(errors.lines().count(), 1, "{errors}");
        }
    }
}
