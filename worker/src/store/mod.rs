//! The places that hold memories: a SQL database and a vector store.
//!
//! A store knows nothing of jobs, leases or retries. It finds, deletes and counts memories of one
//! mapped table, may be asked again at any time, and treats absent as success. What to do with the
//! answers is decided by the caller.

pub mod error;
pub mod fault;
pub mod sql;
pub mod vector;

use std::fmt;
use std::sync::Arc;

use lethe_common::job::Field;

pub use error::{Class, StoreError};
pub use fault::MappingFault;

/// What must hold of a memory besides its id: the job's owner, workspace or subject.
// Shared by all memories of a job, hence the `Arc`; personal data, hence the `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Conditions(pub Arc<[(Field, String)]>);

impl Conditions {
    /// Returns the value demanded of a field, if any.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, value)| value.as_str())
    }

    /// Returns whether nothing is demanded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conditions({})", self.0.len())
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
