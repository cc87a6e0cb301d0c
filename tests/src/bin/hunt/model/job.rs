//! A requested deletion.

use super::filter::Filter;
use super::hold::Hold;
use super::mapping::Field;

/// The API that a deletion is requested by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Via {
    Native,
    /// Lines of an upload.
    Lines,
    AgnoOne,
    AgnoMany,
    Mielto,
    MemoryPlugin,
    Mem0One,
    Mem0Batch,
    Mem0All,
    Mem0Entity,
    OpenSearchOne,
    OpenSearchQuery,
    OpenSearchIndex,
}

/// The selector of a deletion.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Ids(Vec<String>),
    /// All memories of a person, under all names.
    Subject {
        users: Vec<String>,
        workspace: Option<String>,
    },
    Query(Filter),
}

/// One deletion.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The index of its mapping in the world.
    pub(crate) mapping: usize,
    pub(crate) via: Via,
    pub(crate) what: What,
    pub(crate) owner: Option<String>,
    pub(crate) workspace: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) dry_run: bool,
    /// The hold under which it is requested. It is released once the job rests.
    pub(crate) hold: Option<Hold>,
}

impl Job {
    /// Returns the conditions on each memory besides the selector.
    pub(crate) fn demands(&self) -> Vec<(Field, String)> {
        let demands = [
            (Field::User, &self.owner),
            (Field::Workspace, &self.workspace),
            (Field::Kind, &self.kind),
        ];
        let demands = demands.into_iter();
        demands
            .filter_map(|(field, value)| Some((field, value.clone()?)))
            .collect()
    }

    /// Returns the deletion without its hold.
    pub(crate) fn unheld(&self) -> Self {
        Self {
            hold: None,
            ..self.clone()
        }
    }

    pub(crate) fn is_query(&self) -> bool {
        matches!(self.what, What::Query(_))
    }

    pub(crate) fn is_subject(&self) -> bool {
        matches!(self.what, What::Subject { .. })
    }
}
