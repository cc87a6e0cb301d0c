//! Targets in the configuration: the tables and collections that hold memories, and the meaning of their
//! columns.
//!
//! This module describes the shape, without a database. Workers check whether a mapping fits the live
//! schema.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use strum::{EnumString, VariantNames};

use super::preset::Preset;
use super::scope::MappingScope;
use super::text;
use super::tls::Tls;
use crate::filter::{Path, Unit, Zone};
use crate::job::Field;

/// A SQL database and/or a vector store whose memories Lethe erases (Agno's `db_id`).
#[derive(Debug, Clone, Deserialize)]
pub struct Target {
    /// The name callers use, in jobs and in metric labels.
    pub name: String,
    /// A well-known schema. Its tables are added to the file's tables; of two tables with one name the
    /// file's is used.
    pub preset: Option<Preset>,
    /// The SQL database; absent for a target that is a vector store only.
    pub sql: Option<SqlEndpoint>,
    /// The vector store; absent for a target that is a SQL database only.
    pub vector: Option<VectorEndpoint>,
    /// The mappings inside this target.
    #[serde(rename = "table", default)]
    pub tables: Vec<Table>,
    /// Whether this process runs the vector store itself. Its port then changes with each start.
    #[serde(skip)]
    pub embedded: bool,
}

/// The address of a SQL database.
#[derive(Debug, Clone, Deserialize)]
pub struct SqlEndpoint {
    /// `postgres://…`, `mysql://…` (`mariadb://…`) or `sqlite://…`, or the content of `url_file`. It may hold a password,
    /// so it never reaches a log.
    pub url: SecretString,
    /// The most connections one worker process opens.
    #[serde(default = "default_connections")]
    pub max_connections: u32,
    /// Whether TLS verifies the server's name.
    pub tls: Option<Tls>,
}

impl SqlEndpoint {
    /// Returns whether it is a SQLite file.
    pub fn is_sqlite(&self) -> bool {
        self.url.expose_secret().starts_with("sqlite:")
    }
}

/// The address of a Qdrant server (gRPC).
#[derive(Debug, Clone, Deserialize)]
pub struct VectorEndpoint {
    /// `http://host:6334`, the gRPC port, or the content of `url_file`.
    pub url: String,
    /// The API key; from `api_key_env` or `api_key_file` once the configuration is read.
    pub api_key: Option<SecretString>,
    /// The environment variable that holds the API key.
    pub api_key_env: Option<String>,
    /// Whether TLS verifies the server's name.
    pub tls: Option<Tls>,
}

/// One mapping: a SQL table with its vector collection (Agno's `table`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    /// The name callers use.
    pub name: String,
    /// The table in the database, `schema.table` where it has a schema; default: `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql_table: Option<String>,
    /// The time zone of moments without an offset; absent: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// The columns of the SQL table. Absent for a table that has vectors only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// The columns that hold the same value in every memory of this mapping, where other mappings share the SQL
    /// table. They are part of every statement.
    #[serde(default, skip_serializing_if = "MappingScope::is_empty")]
    pub scope: MappingScope,
    /// Further names for queries. Each stands for a column, or for a path inside a column with JSON
    /// (`metadata.topics`). In a table with vectors only, each stands for a field of their payload.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldPath>,
    /// The units of columns of numbers that hold moments, by the columns' names in the database.
    #[serde(rename = "as", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted: BTreeMap<String, Unit>,
    /// Tables whose rows belong to a memory and are deleted before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<Dependent>,
    /// The vector collection. Absent: this mapping declares that there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<Collection>,
}

/// A time zone by its IANA name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeZone(String);

impl TimeZone {
    /// Returns the rules of the zone; `None` if the machine does not know it any more.
    pub fn zone(&self) -> Option<Zone> {
        Zone::called(&self.0)
    }
}

impl TryFrom<String> for TimeZone {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match Zone::called(&name) {
            Some(_) => Ok(Self(name)),
            None => Err("write a time zone as IANA calls it, such as \"Europe/Berlin\""),
        }
    }
}

/// The columns of a SQL table, by their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// The memory's id; unique.
    pub id: String,
    /// The owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The agent that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The run or session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The workspace (tenant).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The kind of memory, where one table holds several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A number that changes with every change of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The time of the row's creation; a job by query skips rows that were written after its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// The time of the row's last change. With `created_at`, a job by query skips rows that were changed after
    /// its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// The table of owners' names, if `user` references an owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owners: Option<Owners>,
    /// The encoding of columns whose type does not say it, in this table and its dependents: SQLite's
    /// columns declared `UUID` or `CHAR(32)`, MySQL's declared `CHAR(32)`, and columns of bytes. Without
    /// it a mapping of such a column is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuids: Option<Uuids>,
}

/// A table of owners. Callers use the owners' names, and memories reference its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// The table, `schema.table` where it has a schema.
    pub table: String,
    /// Its column that memories reference.
    pub id: String,
    /// Its column with the names that callers use.
    pub name: String,
}

/// The encoding of UUIDs, or of columns declared so, in a database without a type for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, VariantNames)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[strum(serialize_all = "lowercase")]
pub enum Uuids {
    /// 32 hexadecimal digits without hyphens, as `SQLAlchemy` writes them.
    Hex,
    /// Texts that are compared as they are; in a column of bytes, their hexadecimal digits.
    Text,
    /// The 16 bytes, in the order of the digits.
    Bytes,
}

impl TryFrom<String> for Uuids {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text)
    }
}

/// A column of the SQL table, or a path inside a column with JSON. In a table with vectors only, a field of their
/// payload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath {
    /// The column.
    pub column: String,
    /// The names that lead from the column's JSON to the value; none: the column's own value.
    pub path: Vec<String>,
}

impl TryFrom<String> for FieldPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = text.split('.').map(str::to_owned);
        let column = parts.next().unwrap_or_default();
        let path: Vec<String> = parts.collect();
        if column.is_empty() || path.iter().any(String::is_empty) || text.contains('\0') {
            return Err("write a column, or a path into one that holds JSON, such as \"metadata.topics\"".to_owned());
        }
        Ok(Self { column, path })
    }
}

impl From<FieldPath> for String {
    fn from(field: FieldPath) -> Self {
        std::iter::once(field.column)
            .chain(field.path)
            .collect::<Vec<_>>()
            .join(".")
    }
}

impl From<FieldPath> for Path {
    fn from(field: FieldPath) -> Self {
        Self {
            column: field.column,
            steps: field.path,
        }
    }
}

/// A table whose rows reference a memory, or a row of another dependent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependent {
    /// The table, `schema.table` where it has a schema.
    pub table: String,
    /// Its column that holds the memory's id, or the `id` of the dependent above.
    pub references: String,
    /// Its own key, which its dependents reference; unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether `references` may be NULL. Such a row belongs to no memory, and stays. If false, a nullable column
    /// is refused: its rows would stay without notice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// Tables whose rows belong to a row of this one and are deleted before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<Self>,
}

impl Dependent {
    /// The most levels below a memory.
    // Each level is a join in the deleting statement. Real schemas have two or three.
    pub const LEVELS: usize = 8;
}

/// A vector collection and how its points relate to memories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// The collection's name in the vector store.
    pub name: String,
    /// The rule that makes a point's id from a memory's id.
    pub point: PointId,
    /// The namespace of `point = "uuid5"`; default: the OID namespace of RFC 9562.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<uuid::Uuid>,
    /// The fields of the payload, by their meaning.
    #[serde(default)]
    pub payload: Payload,
    /// The payload fields that hold the same value in every point of this mapping, where other mappings share the
    /// collection. Dotted paths reach into nested objects. A point without them does not belong to this mapping.
    #[serde(default, skip_serializing_if = "MappingScope::is_empty")]
    pub scope: MappingScope,
}

/// The rule that makes a point's id from a memory's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, VariantNames)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[strum(serialize_all = "lowercase")]
pub enum PointId {
    /// The id is a UUID and is the point's id.
    Uuid,
    /// The id is an unsigned number and is the point's id.
    Number,
    /// The point's id is the version 5 UUID of the memory's id.
    Uuid5,
    /// Points have ids of their own, and name their memory in the payload field `payload.id`.
    Payload,
}

impl TryFrom<String> for PointId {
    type Error = String;

    // Written by hand, so that the error for a wrong word lists the right ones.
    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text)
    }
}

impl Payload {
    /// Returns the payload field that is mapped for `field`.
    pub fn get(&self, field: Field) -> Option<&str> {
        match field {
            Field::User => self.user.as_deref(),
            Field::Agent => self.agent.as_deref(),
            Field::App => self.app.as_deref(),
            Field::Run => self.run.as_deref(),
            Field::Workspace => self.workspace.as_deref(),
            Field::Kind => self.kind.as_deref(),
        }
    }

    /// Returns the path for filters of the payload field that is mapped for `field`.
    pub fn path(&self, field: Field) -> Option<FieldPath> {
        FieldPath::try_from(self.get(field)?.to_owned()).ok()
    }
}

impl VectorEndpoint {
    /// Returns the API key from any setting: the variable or the file was read with the configuration.
    pub fn key(&self) -> Option<&SecretString> {
        self.api_key.as_ref()
    }
}

/// The payload fields of a point, by their meaning. Dotted paths reach into nested objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The memory's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The run or session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The kind of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

fn default_connections() -> u32 {
    // As many as a worker has slots by default: each batch uses one connection at a time.
    8
}
