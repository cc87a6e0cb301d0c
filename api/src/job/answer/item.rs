//! Memories of a job, one by one.

use lethe_common::ledger::ItemRow;
use serde::Serialize;
use utoipa::ToSchema;

/// A memory that was not simply erased.
#[derive(Serialize, ToSchema)]
pub(crate) struct Item {
    /// The memory's id.
    id: String,
    /// The table.
    table: String,
    /// `sql` or `vector`.
    store: String,
    /// Its outcome in that store.
    outcome: String,
    /// The reason, a word of a closed list.
    code: Option<String>,
}

impl Item {
    /// Returns a memory, with the outcome in the request's word.
    pub(crate) fn new(row: ItemRow, outcome: &str) -> Self {
        Self {
            id: row.id,
            table: row.table,
            store: row.store,
            outcome: outcome.to_owned(),
            code: row.code.map(String::from),
        }
    }
}
