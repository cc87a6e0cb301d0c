//! What clients of other systems want erased, where, and how.

use lethe_common::config;
use lethe_common::filter::Filter;
use lethe_common::job::Subject;
use lethe_common::ledger::ExecutionOptions;

use crate::deletion::column_types::Says;

/// What a client of another system wants erased.
pub(crate) enum What {
    /// These memories.
    Ids(Vec<String>),
    /// Everything of somebody or something.
    Subject(Subject),
    /// What a filter matches, and how that is to be done.
    Query(Filter, How),
}

/// How a deletion by query is to be done.
#[derive(Clone)]
pub(crate) struct How {
    /// The most memories a second.
    pub(crate) per_second: Option<f64>,
    pub(crate) execution: ExecutionOptions,
    /// What is said where the query compares a column of a table with what it cannot hold.
    pub(crate) mistyped: Says,
}

/// The owner and the place of the memories. An absent field is not demanded, or follows from the caller.
#[derive(Default)]
pub(crate) struct MemoryScope {
    pub(crate) target: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) workspace: Option<String>,
    /// The kind of memory.
    pub(crate) kind: Option<String>,
}

impl From<&config::CompatTarget> for MemoryScope {
    fn from(place: &config::CompatTarget) -> Self {
        Self {
            target: place.target.clone(),
            table: place.table.clone(),
            ..Self::default()
        }
    }
}
