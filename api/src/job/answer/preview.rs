//! What a look at a job's selection found, as it is answered.

use lethe_common::ledger::{Preview, TablePreview};
use serde::Serialize;
use utoipa::ToSchema;

/// What a job selects, as a look found it.
#[derive(Serialize, ToSchema)]
#[schema(as = Preview)]
pub(crate) struct PreviewAnswer {
    /// What to give as `expect`, so that nothing is touched if the selection has changed.
    digest: String,
    /// Table by table.
    tables: Vec<TableAnswer>,
}

/// What was found in a table and its collection.
#[derive(Serialize, ToSchema)]
#[schema(as = TablePreview)]
pub(crate) struct TableAnswer {
    /// The target.
    target: String,
    /// The table.
    table: String,
    /// How many memories would be erased.
    found: u64,
    /// In which workspaces their rows are, where that is mapped; the first hundred that were met.
    workspaces: Vec<WorkspaceAnswer>,
    /// How many rows are in other workspaces.
    elsewhere: u64,
}

/// How many rows are in a workspace.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkspaceCount)]
pub(crate) struct WorkspaceAnswer {
    /// The workspace; `null`: in none.
    workspace: Option<String>,
    /// How many rows.
    found: u64,
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
