//! A mapping in words.

use std::fmt::Display;
use std::iter::once;

use lethe_common::config::{Collection, Columns, Constant, Dependent, FieldPath, MappingScope, PointId, Table};
use lethe_common::job::Field;
use strum::IntoEnumIterator as _;

use crate::console::words;

/// A mapping in words.
pub(super) struct Mapping {
    pub(super) name: String,
    pub(super) served: String,
    /// Whether no worker serves it.
    pub(super) is_unserved: bool,
    pub(super) facts: Vec<(&'static str, String)>,
}

/// In place of a constant that the caller does not see.
const HIDDEN: &str = "…";

impl Mapping {
    /// Returns a mapping that `workers` serve. Its constants may name tenants: `constants` says whether the caller sees
    /// them.
    pub(super) fn of(table: &Table, workers: usize, constants: bool) -> Self {
        Self {
            name: table.name.clone(),
            served: match workers {
                0 => "No worker serves it: jobs about it wait. Start a worker with the configuration of this API."
                    .to_owned(),
                n => format!("Served by {}.", words::many(n as u64, "worker", "workers")),
            },
            is_unserved: workers == 0,
            facts: facts(table, constants),
        }
    }
}

fn facts(table: &Table, constants: bool) -> Vec<(&'static str, String)> {
    let mut facts = vec![("rows", rows(table))];
    if let Some(text) = table.columns.as_ref().and_then(owners) {
        facts.push(("owners", text));
    }
    if !table.scope.is_empty() {
        facts.push(("only rows with", scope(&table.scope, constants)));
    }
    if !table.dependents.is_empty() {
        let dependents = dependents(&table.dependents, table.sql_table());
        facts.push(("deleted before a row", dependents.join("; ")));
    }
    if !table.fields.is_empty() {
        let field = |(name, path): (&String, &FieldPath)| format!("{name} for {}", String::from(path.clone()));
        let fields: Vec<String> = table.fields.iter().map(field).collect();
        facts.push(("further names for queries", fields.join(", ")));
    }
    facts.push(("vectors", table.collection.as_ref().map_or_else(none, vectors)));
    if let Some(collection) = table
        .collection
        .as_ref()
        .filter(|collection| !collection.scope.is_empty())
    {
        facts.push(("only vectors with", scope(&collection.scope, constants)));
    }
    facts
}

fn none() -> String {
    "none: this mapping declares that it has no collection".to_owned()
}

fn rows(table: &Table) -> String {
    let Some(columns) = &table.columns else {
        return "none: this mapping has vectors only".to_owned();
    };
    let optional = [
        ("owner", &columns.user),
        ("agent", &columns.agent),
        ("application", &columns.app),
        ("run", &columns.run),
        ("workspace", &columns.workspace),
        ("kind", &columns.kind),
        ("version", &columns.version),
        ("creation time", &columns.created_at),
        ("change time", &columns.updated_at),
    ];
    let optional = optional
        .into_iter()
        .filter_map(|(meaning, column)| column.as_ref().map(|column| (meaning, column)));
    let all = once(("id", &columns.id)).chain(optional);
    format!("table {}: {}", table.sql_table(), places(all))
}

fn owners(columns: &Columns) -> Option<String> {
    let (user, owners) = (columns.user.as_ref()?, columns.owners.as_ref()?);
    let (table, id, name) = (&owners.table, &owners.id, &owners.name);
    Some(format!(
        "{user} references {table}.{id}; callers write the names in {table}.{name}"
    ))
}

fn vectors(collection: &Collection) -> String {
    let point = match collection.point {
        PointId::Uuid | PointId::Number => "the id of a point is the id of its memory",
        PointId::Uuid5 => "the id of a point is the version 5 UUID of its memory's id",
        PointId::Payload => "a point names its memory in its payload",
    };
    let id = collection.payload.id.as_deref().map(|path| ("id", path));
    let others = Field::iter().filter_map(|field| Some((meaning(field), collection.payload.get(field)?)));
    let payload = places(id.into_iter().chain(others));
    let collection = &collection.name;
    if payload.is_empty() {
        format!("collection {collection}: {point}")
    } else {
        format!("collection {collection}: {point}; payload: {payload}")
    }
}

fn meaning(field: Field) -> &'static str {
    match field {
        Field::User => "owner",
        Field::Agent => "agent",
        Field::App => "application",
        Field::Run => "run",
        Field::Workspace => "workspace",
        Field::Kind => "kind",
    }
}

/// Returns meanings with the columns or payload fields that hold them.
fn places<'a, P: Display>(all: impl Iterator<Item = (&'a str, P)>) -> String {
    let places = all.map(|(meaning, place)| format!("{meaning} in {place}"));
    places.collect::<Vec<_>>().join(", ")
}

fn scope(scope: &MappingScope, constants: bool) -> String {
    let value = |constant: &Constant| if constants { constant.text() } else { HIDDEN.to_owned() };
    let all = scope
        .iter()
        .map(|(name, constant)| format!("{name} = {}", value(constant)));
    all.collect::<Vec<_>>().join(", ")
}

/// Returns dependents at any depth, with the table that they reference.
fn dependents(list: &[Dependent], above: &str) -> Vec<String> {
    let with_own = list.iter().flat_map(|dependent| {
        let Dependent { table, references, .. } = dependent;
        let own = format!("rows of {table} whose {references} references {above}");
        dependents(&dependent.dependents, table).into_iter().chain([own])
    });
    with_own.collect()
}

#[cfg(test)]
mod tests {
    use lethe_common::config::Config;

    use super::*;

    fn told(table: &str, constants: bool) -> Vec<(&'static str, String)> {
        let target =
            "[[target]]\nname = \"a\"\nsql = { url = \"sqlite://a.db\" }\nvector = { url = \"http://localhost:6334\" }";
        let config = Config::from_toml(&format!("{target}\n[[target.table]]\nname = \"t\"\n{table}")).unwrap();
        Mapping::of(&config.targets[0].tables[0], 1, constants).facts
    }

    #[test]
    fn a_mapping_is_told_in_words() {
        let facts = told(
            r#"columns = { id = "id", user = "owner_id", created_at = "made", owners = { table = "people", id = "key", name = "mail" } }
            scope = { tenant = "acme" }
            dependents = [{ table = "chunks", references = "memory_id", id = "id", dependents = [{ table = "spans", references = "chunk_id" }] }]
            collection = { name = "points", point = "uuid", payload = { id = "memory", user = "owner" }, scope = { app = 7 } }"#,
            true,
        );
        let expected = [
            ("rows", "table t: id in id, owner in owner_id, creation time in made"),
            (
                "owners",
                "owner_id references people.key; callers write the names in people.mail",
            ),
            ("only rows with", "tenant = acme"),
            (
                "deleted before a row",
                "rows of spans whose chunk_id references chunks; rows of chunks whose memory_id references t",
            ),
            (
                "vectors",
                "collection points: the id of a point is the id of its memory; payload: id in memory, owner in owner",
            ),
            ("only vectors with", "app = 7"),
        ];
        assert_eq!(facts, expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn a_caller_that_reaches_a_part_sees_no_constants() {
        let facts = told("columns = { id = \"id\" }\nscope = { tenant = \"acme\" }", false);
        let text = format!("{facts:?}");
        assert!(text.contains("tenant = …") && !text.contains("acme"), "{text}");
        assert!(text.contains("has no collection"), "{text}");
    }
}
