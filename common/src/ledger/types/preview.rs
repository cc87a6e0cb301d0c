//! What a job selects, as a look found it.

use serde::{Deserialize, Serialize};

use crate::selection::{Digest, Selection};

/// What a job selects, as a look found it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// What [`NewJob::expect`](crate::ledger::NewJob::expect) compares.
    pub digest: Digest,
    /// Table by table.
    pub tables: Vec<TablePreview>,
}

/// What was found in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePreview {
    /// The target.
    pub target: String,
    /// The table.
    pub table: String,
    /// What was found.
    #[serde(flatten)]
    pub found: Selection,
}
