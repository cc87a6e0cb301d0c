//! The places that a job is about, as its receipts name them: targets, tables and collections of the mapping.

use lethe_common::receipt::body::Place;

use super::placement::MappedTable;

/// Returns a mapped table as a receipt names it.
pub(super) fn place((target, table): MappedTable<'_>) -> Place {
    Place {
        target: target.name.clone(),
        table: table.name.clone(),
        collection: table.collection.as_ref().map(|collection| collection.name.clone()),
    }
}
