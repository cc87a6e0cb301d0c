//! The places that hold memories: a SQL database and a vector store.
//!
//! A store knows nothing of jobs, leases or retries. It finds, deletes and counts memories of one
//! mapped table, may be asked again at any time, and treats absent as success. What to do with the
//! answers is decided by the caller.

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

/// What must hold of a memory besides its id: the job's owner, workspace or subject.
// Shared by all memories of a job, hence the `Arc`; personal data, hence the `Debug`.
#[derive(Clone, Default, PartialEq)]
pub struct Conditions {
    /// The values of fields.
    pub fields: Arc<[(Field, String)]>,
    /// What a query asks for besides: of rows, or of points where a table has only these.
    pub query: Option<Arc<Query>>,
}

/// What a job by query asks of a row, or of a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The filter.
    pub filter: Arc<Filter>,
    /// Which rows were there when the job began; nothing: all are meant that are there now.
    pub start: Option<Start>,
}

/// The rows that were there when a job began, and as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// By the time of their writing.
    pub written: TimeBound,
    /// By the time of their last change, if it is mapped: one that was changed since stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<TimeBound>,
}

/// Which rows, by a time of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBound {
    /// Those whose time is no later than this, in the database's own words, and those of which no time is
    /// known.
    UpTo(String),
    /// Those of which no time is known: no other one matched.
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

    /// Returns whether both demand the same; of one job they mostly are one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_same_query(other.query.as_ref())
            && (Arc::ptr_eq(&self.fields, &other.fields) || self.fields == other.fields)
    }

    /// Returns whether this is what their query asks for.
    pub(crate) fn is_same_query(&self, query: Option<&Arc<Query>>) -> bool {
        match (&self.query, query) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Returns these conditions and a query's.
    #[must_use]
    pub fn with_query(self, query: Query) -> Self {
        Self {
            query: Some(Arc::new(query)),
            ..self
        }
    }

    /// Returns the value demanded of a field, if any.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.fields
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, value)| value.as_str())
    }

    /// Returns whether nothing is demanded.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.query.is_none()
    }
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conditions({})", self.fields.len())
    }
}

/// One memory that a caller wants to find or delete: its id, and what must hold of it.
///
/// A batch may hold memories of many jobs, each with its own conditions: statements join the
/// tuples, never ids with one shared condition.
#[derive(Clone)]
pub struct Item {
    /// The memory's id, as the caller wrote it.
    pub id: String,
    /// What must hold of it.
    pub conditions: Conditions,
    /// The version that its row must have; nothing: any.
    pub version: Option<i64>,
    /// Where its row was seen, if it was.
    pub place: Option<RowLocation>,
    /// Whether its row was changed after its job began: then it stays.
    pub changed: bool,
    /// What its row was seen to say of whose it is.
    pub whose: RowOwner,
}

/// Where a database keeps a row, in its own words (PostgreSQL's `ctid`).
///
/// A hint that saves a statement the way through the index. It is worth nothing once the row has
/// changed, so nothing is decided by it: whoever finds no row there looks by the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLocation(pub(crate) String);

/// A row that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its version, where one is mapped.
    pub version: Option<i64>,
    /// Where it is kept, where that is of use.
    pub place: Option<RowLocation>,
    /// Whether it was changed after its job began.
    pub changed: bool,
    /// What its points are compared with.
    pub whose: RowOwner,
}

/// What a row says of the fields in which points are compared with it; `None` is NULL. Personal data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RowOwner(Arc<[(Field, Option<String>)]>);

impl RowOwner {
    /// Returns the fields and what the row says of them.
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
    /// Returns a memory of which nothing has been seen.
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

    /// Returns what was seen of its row.
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

/// Returns the word by which configuration and statements name a field.
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
