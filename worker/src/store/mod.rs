//! The places that hold memories: a SQL database and a vector store.
//!
//! A store knows no jobs, leases or retries. It finds, deletes and counts memories of one mapped
//! table. Each call may be repeated at any time, and absent is success. The caller acts on the answers.

pub mod error;
pub mod fault;
mod spelling;
pub mod sql;
pub mod vector;
mod written;

use std::fmt;
use std::sync::Arc;

use lethe_common::filter::Filter;
use lethe_common::job::Field;
use serde::{Deserialize, Serialize};

pub use error::{Class, StoreError};
pub use fault::MappingFault;
pub use spelling::{Spelling, Spellings};

/// The conditions on a memory besides its id: the job's owner, workspace or subject, and its query.
// All memories of a job share them, hence the `Arc`. They are personal data, hence the own `Debug`.
#[derive(Clone, Default, PartialEq)]
pub struct Conditions {
    /// The required values of fields.
    pub fields: Arc<[(Field, String)]>,
    /// The query's condition on rows, or on points where a table has only points.
    pub query: Option<Arc<Query>>,
}

/// The condition of a query job on a row, or on a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The filter.
    pub filter: Arc<Filter>,
    /// The snapshot of the rows when the job began. `None`: all rows that exist now.
    pub start: Option<Start>,
}

/// The snapshot of a query job: time bounds on the rows that existed, unchanged, when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The bound on the time of creation.
    pub written: TimeBound,
    /// The bound on the time of the last change, if it is mapped: a row changed since then stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<TimeBound>,
}

/// A bound on a time column of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBound {
    /// Rows no later than this time, and rows without a time. The text is a moment in UTC, or a number or text
    /// as the database writes it.
    UpTo(String),
    /// Only rows without a time (NULL): no matching row had a time.
    Unknown,
}

impl Conditions {
    /// Returns conditions on fields alone.
    pub fn of(fields: impl Into<Arc<[(Field, String)]>>) -> Self {
        Self {
            fields: fields.into(),
            query: None,
        }
    }

    /// Returns whether both are the same conditions. The items of one job mostly share one value.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_same_query(other.query.as_ref())
            && (Arc::ptr_eq(&self.fields, &other.fields) || self.fields == other.fields)
    }

    /// Returns whether `query` is the query of these conditions.
    pub(crate) fn is_same_query(&self, query: Option<&Arc<Query>>) -> bool {
        match (&self.query, query) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Returns these conditions with a query.
    #[must_use]
    pub fn with_query(self, query: Query) -> Self {
        Self {
            query: Some(Arc::new(query)),
            ..self
        }
    }

    /// Returns the required value of a field, if any.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.fields
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, value)| value.as_str())
    }

    /// Returns whether there are no conditions.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.query.is_none()
    }
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conditions({})", self.fields.len())
    }
}

/// One memory to find or delete: its id and its conditions.
///
/// A batch may hold memories of many jobs, each with its own conditions. Statements join the
/// tuples, never ids with the condition of another job.
#[derive(Clone)]
pub struct Item {
    /// The memory's id, as the caller wrote it.
    pub id: String,
    /// The conditions on it.
    pub conditions: Conditions,
    /// The required version of its row. `None`: any version.
    pub version: Option<i64>,
    /// The location of its row, if a lookup returned one.
    pub place: Option<RowLocation>,
    /// Whether its row changed after the job began. Such a row stays.
    pub changed: bool,
    /// The values of its row that points are compared with.
    pub whose: RowOwner,
}

/// The location of a row in its database (PostgreSQL's `ctid`).
///
/// A hint that saves a statement the index lookup. It is stale once the row changes, so it decides
/// nothing: a statement that finds no row there is followed by one that uses the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLocation(pub(crate) String);

/// A row as a lookup found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its version, where one is mapped.
    pub version: Option<i64>,
    /// Its location, where a statement can use it.
    pub place: Option<RowLocation>,
    /// Whether it changed after the job began.
    pub changed: bool,
    /// The values that its points are compared with.
    pub whose: RowOwner,
}

/// A row's values of the fields that are compared with points; `None` is NULL. Personal data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RowOwner(Arc<[(Field, Option<String>)]>);

impl RowOwner {
    /// Returns the fields with the row's values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Field, Option<&str>)> {
        self.0.iter().map(|(field, owner)| (*field, owner.as_deref()))
    }
}

impl FromIterator<(Field, Option<String>)> for RowOwner {
    fn from_iter<I: IntoIterator<Item = (Field, Option<String>)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl fmt::Debug for RowOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowOwner(..)")
    }
}

impl Item {
    /// Returns a memory whose row was not looked up yet.
    pub fn new(id: impl Into<String>, conditions: &Conditions) -> Self {
        Self {
            id: id.into(),
            conditions: conditions.clone(),
            version: None,
            place: None,
            changed: false,
            whose: RowOwner::default(),
        }
    }

    /// Returns its row as the lookup found it.
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            version: self.version,
            place: self.place.clone(),
            changed: self.changed,
            whose: self.whose.clone(),
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Item(..)")
    }
}

/// Returns the name of a field in configuration and statements.
pub(crate) fn word(field: Field) -> &'static str {
    match field {
        Field::User => "user",
        Field::Agent => "agent",
        Field::App => "app",
        Field::Run => "run",
        Field::Workspace => "workspace",
        Field::Kind => "kind",
    }
}
