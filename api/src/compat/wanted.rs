//! The selection, the place and the options of a compatible deletion.

use lethe_common::config;
use lethe_common::filter::Filter;
use lethe_common::job::Subject;
use lethe_common::ledger::ExecutionOptions;

use crate::deletion::column_types::Says;
use crate::http::limits::body_bytes::Held;

/// The selection of a compatible deletion.
pub(crate) enum What {
    /// The memories with these ids, and the bytes of the body that lists them, if there is one.
    Ids(Vec<String>, Option<Held>),
    /// All memories of a subject.
    Subject(Subject),
    /// The memories that match a filter, the options of the job, and the bytes of the body.
    Query(Filter, Box<How>, Held),
}

/// The options of a deletion by query.
#[derive(Clone)]
pub(crate) struct How {
    /// The pace: the most memories per second.
    pub(crate) per_second: Option<f64>,
    pub(crate) execution: ExecutionOptions,
    /// The problem for a query that compares a column with a value of the wrong type.
    pub(crate) mistyped: Says,
}

/// The owner and the place of the memories. An absent field adds no condition, or follows from the caller.
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
