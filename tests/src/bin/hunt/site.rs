//! A site of the hunt: a kind of mapping over one database, with tables and a collection of its own.

use crate::model::{Columns, Ids, Mapping, Points, Rule, Users};
use crate::shape::{Engine, SHAPES, Shape};
use std::fmt::Write as _;

/// One site.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) shape: &'static Shape,
    pub(crate) engine: Engine,
    pub(crate) mappings: Vec<Mapping>,
}

/// Returns all sites, always in the same order.
pub(crate) fn all() -> Vec<Site> {
    let mut sites = Vec::new();
    for engine in Engine::ALL {
        for shape in SHAPES {
            // Without rows the database does not matter.
            if shape.rows || engine == Engine::Sqlite {
                let name = format!("{}-{}", shape.name, engine.name());
                let mut mappings = shape.mappings(&name);
                if engine != Engine::Postgres {
                    // Only PostgreSQL has a UUID column here. Elsewhere ids are texts.
                    let columns = mappings.iter_mut().filter_map(|mapping| mapping.columns.as_mut());
                    columns
                        .filter(|columns| columns.ids == Ids::Uuid)
                        .for_each(|columns| columns.ids = Ids::Text);
                }
                sites.push(Site {
                    name,
                    shape,
                    engine,
                    mappings,
                });
            }
        }
    }
    sites
}

impl Site {
    /// Returns the name of a table in the database.
    pub(crate) fn table(&self, table: usize) -> String {
        format!("{}_{table}", self.name.replace('-', "_"))
    }

    /// Returns the number of tables.
    pub(crate) fn tables(&self) -> usize {
        let tables = self.mappings.iter().filter_map(|mapping| mapping.columns.as_ref());
        tables.map(|columns| columns.table + 1).max().unwrap_or(0)
    }

    /// Returns whether memories' ids are UUIDs, in a column of any type.
    pub(crate) fn has_uuids(&self) -> bool {
        self.shape.ids == Ids::Uuid
            || self
                .shape
                .points
                .as_ref()
                .is_some_and(|points| points.rule == Rule::Uuid)
    }

    /// Returns the statements that create the site's tables.
    pub(crate) fn schema(&self) -> String {
        let mut text = String::new();
        let id = match (self.shape.ids, self.engine) {
            (Ids::Number, _) => "BIGINT",
            (Ids::Uuid, Engine::Postgres) => "UUID",
            _ => "VARCHAR(191)",
        };
        let user = match self.shape.users {
            Users::Text => "VARCHAR(191)",
            Users::Number | Users::Reference => "BIGINT",
        };
        for table in 0..self.tables() {
            let name = self.table(table);
            write!(
                text,
                "CREATE TABLE {name} (id {id} NOT NULL PRIMARY KEY, user_id {user}, workspace VARCHAR(191),
                    kind VARCHAR(191), n BIGINT NOT NULL, tenant VARCHAR(191));
                 CREATE INDEX {name}_user ON {name} (user_id);"
            )
            .expect("a String takes any text");
            // No more tables than needed: a schema read looks at all tables of a database.
            if self.shape.parts {
                write!(
                    text,
                    "CREATE TABLE {name}_parts (memory_id {id} NOT NULL);
                     CREATE INDEX {name}_of ON {name}_parts (memory_id);"
                )
                .expect("a String takes any text");
            }
            if self.shape.users == Users::Reference {
                write!(
                    text,
                    "CREATE TABLE {name}_owners (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(191) NOT NULL);"
                )
                .expect("a String takes any text");
            }
        }
        text
    }

    /// Returns the site's targets for the configuration.
    pub(crate) fn targets(&self, sql: &str, vector: &str, key: &str, collection: &str) -> String {
        let mut text = String::new();
        let mut last = None;
        for mapping in &self.mappings {
            if last.replace(&mapping.target) != Some(&mapping.target) {
                writeln!(text, "[[target]]\nname = \"{}\"", mapping.target).expect("a String takes any text");
                if self.shape.rows {
                    writeln!(text, "sql = {{ url = \"{sql}\", max_connections = 3 }}")
                        .expect("a String takes any text");
                }
                if self.shape.points.is_some() {
                    writeln!(text, "vector = {{ url = \"{vector}\", api_key = \"{key}\" }}")
                        .expect("a String takes any text");
                }
            }
            writeln!(text, "[[target.table]]\nname = \"{}\"", mapping.table).expect("a String takes any text");
            if let Some(columns) = &mapping.columns {
                text += &self.columns(columns);
            }
            text += "fields = { n = \"n\" }\n";
            if let Some(points) = &mapping.points {
                text += &self::collection(points, collection);
            }
        }
        text
    }

    fn columns(&self, columns: &Columns) -> String {
        let table = self.table(columns.table);
        let mut text = format!("sql_table = \"{table}\"\ncolumns = {{ id = \"id\", user = \"user_id\"");
        if columns.workspace {
            text += ", workspace = \"workspace\"";
        }
        if columns.kind {
            text += ", kind = \"kind\"";
        }
        if columns.users == Users::Reference {
            write!(
                text,
                ", owners = {{ table = \"{table}_owners\", id = \"id\", name = \"name\" }}"
            )
            .expect("a String takes any text");
        }
        text += " }\n";
        if self.shape.parts {
            writeln!(
                text,
                "dependents = [{{ table = \"{table}_parts\", references = \"memory_id\" }}]"
            )
            .expect("a String takes any text");
        }
        if let Some(scope) = columns.scope {
            writeln!(text, "scope = {{ tenant = \"{scope}\" }}").expect("a String takes any text");
        }
        text
    }
}

fn collection(points: &Points, name: &str) -> String {
    let rule = match points.rule {
        Rule::Uuid => "uuid",
        Rule::Number => "number",
        Rule::Uuid5 => "uuid5",
        Rule::Payload => "payload",
    };
    let fields = [
        ("id", points.id),
        ("user", points.user),
        ("workspace", points.workspace),
        ("kind", points.kind),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(field, path)| Some(format!("{field} = \"{}\"", path?)));
    let fields = fields.collect::<Vec<_>>().join(", ");
    let scope = points
        .scope
        .map(|scope| format!(", scope = {{ tenant = \"{scope}\" }}"));
    format!(
        "collection = {{ name = \"{name}\", point = \"{rule}\", payload = {{ {fields} }}{} }}\n",
        scope.unwrap_or_default()
    )
}
