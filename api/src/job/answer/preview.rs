//! The selection of a job, as callers see it.

use lethe_common::ledger::{Preview, TablePreview};
use serde::Serialize;
use utoipa::ToSchema;

/// The selection of a job, as it was found.
#[derive(Serialize, ToSchema)]
#[schema(as = Preview)]
pub(crate) struct PreviewAnswer {
    /// The digest to send as `expect`: the job then touches nothing if the selection has changed.
    pub(crate) digest: String,
    /// The counts per table.
    pub(crate) tables: Vec<TableAnswer>,
}

/// The selection in a table and its collection.
#[derive(Serialize, ToSchema)]
#[schema(as = TablePreview)]
pub(crate) struct TableAnswer {
    /// The target.
    pub(crate) target: String,
    /// The table.
    pub(crate) table: String,
    /// The number of memories that would be erased.
    pub(crate) found: u64,
    /// The workspaces of their rows, if they are mapped: the first hundred that were found.
    pub(crate) workspaces: Vec<WorkspaceAnswer>,
    /// The number of rows in other workspaces.
    pub(crate) elsewhere: u64,
}

/// The number of rows in a workspace.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkspaceCount)]
pub(crate) struct WorkspaceAnswer {
    /// The workspace; `null`: rows without one.
    pub(crate) workspace: Option<String>,
    /// The number of rows.
    pub(crate) found: u64,
}

impl From<Preview> for PreviewAnswer {
    fn from(preview: Preview) -> Self {
        let workspace = |(name, found): (String, u64)| WorkspaceAnswer {
            workspace: (!name.is_empty()).then_some(name),
            found,
        };
        let table = |table: TablePreview| TableAnswer {
            target: table.target,
            table: table.table,
            found: table.found.memories,
            workspaces: table.found.workspaces.into_iter().map(workspace).collect(),
            elsewhere: table.found.elsewhere,
        };
        Self {
            digest: preview.digest.to_string(),
            tables: preview.tables.into_iter().map(table).collect(),
        }
    }
}
