//! The selection of a job, as a preview or a check found it.

use serde::{Deserialize, Serialize};

use crate::selection::{Digest, Selection};

/// The selection of a job, as a preview or a check found it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The digest to which [`NewJob::expect`](crate::ledger::NewJob::expect) is compared.
    pub digest: Digest,
    /// The selection in each table.
    pub tables: Vec<TablePreview>,
}

/// The selection in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePreview {
    /// The target.
    pub target: String,
    /// The table.
    pub table: String,
    /// The selection.
    #[serde(flatten)]
    pub found: Selection,
}
