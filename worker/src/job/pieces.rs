//! Scanning a whole table in pieces, each within the time limit of a call.
//!
//! One statement about all rows is tried first: mostly an index makes it fast. If it exceeds the time limit of a call,
//! the table is read in key order, a number of rows at a time, whether or not they match. So each call is bounded.
//! Pieces shrink after a timeout and grow after fast calls. A single row that takes too long is an error like any
//! other. The position is in the partition's progress.

use lethe_common::job::StoreKind;
use lethe_common::ledger::Lease;
use lethe_common::metrics::StoreCall;

use crate::job::cursor::{Cursor, Walk};
use crate::job::piece::Piece;
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::span::About;
use crate::store::StoreError;
use crate::store::sql::SqlTable;
use crate::targets::Mapped;

/// Returns the last key of a piece; `None` if the piece has all rows that are left, up to `through`.
pub(crate) async fn end(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    piece: &Piece,
    through: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let end = table.stretch(piece.keys(through), piece.rows);
    env.call(mapped, StoreKind::Sql, StoreCall::Page, end).await
}

/// Logs that a call about a whole table timed out, so it is read in pieces. Fails if the store answers no ping.
pub(crate) async fn begin(lease: &Lease, table: &SqlTable) -> Result<(), StoreError> {
    table.ping().await?;
    let about = About::lease(lease);
    tracing::info!(
        job.id = about.job,
        partition = about.partition,
        target.name = about.target,
        table = about.table,
        "a statement about a whole table timed out: the table is read in pieces"
    );
    Ok(())
}

/// Saves the position of a table scan in the progress of the partition, and goes on.
pub(crate) async fn save(env: &Environment, lease: &mut LeaseGuard, walk: Option<Walk>) -> Result<(), Stop> {
    let cursor = Cursor {
        walk,
        ..Cursor::of(lease)
    };
    lease.save(env, cursor.text()).await
}
