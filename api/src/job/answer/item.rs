//! Memories of a job, one by one.

use lethe_common::ledger::ItemRow;
use serde::Serialize;
use utoipa::ToSchema;

/// A memory that was not simply erased.
#[derive(Serialize, ToSchema)]
pub(crate) struct Item {
    /// The memory's id.
    pub(crate) id: String,
    /// The table.
    pub(crate) table: String,
    /// `sql` or `vector`.
    pub(crate) store: String,
    /// Its outcome in that store.
    pub(crate) outcome: String,
    /// The reason, a word of a closed list.
    pub(crate) code: Option<String>,
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
