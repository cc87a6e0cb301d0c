//! Going over a whole table in pieces, each of which takes no longer than a call may.
//!
//! A statement about all rows of a table is tried first: mostly an index makes it short. Where it takes longer than a
//! call may, the table is read in the order of its keys, a number of rows at a time whatever they say, so that each
//! call has a bound. What is too much in one call is asked for in smaller pieces; what is little, in larger ones. A
//! row alone that takes too long is an error like any other. How far it has come is in the partition's progress.

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

/// Returns the key at which a piece ends; `None`: with the last of `keys`.
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

/// Says that a call about a whole table took too long, and that it is gone over in pieces; an error if the store does
/// not answer at all.
pub(crate) async fn begin(lease: &Lease, table: &SqlTable) -> Result<(), StoreError> {
    table.ping().await?;
    let about = About::lease(lease);
    tracing::info!(
        job.id = about.job,
        partition = about.partition,
        target.name = about.target,
        table = about.table,
        "a call about a whole table took too long: it is read in pieces"
    );
    Ok(())
}

/// Records how far a look at the whole table is, in the progress of the partition, and goes on with it.
pub(crate) async fn save(env: &Environment, lease: &mut LeaseGuard, walk: Option<Walk>) -> Result<(), Stop> {
    let cursor = Cursor {
        walk,
        ..Cursor::of(lease)
    };
    lease.save(env, cursor.text()).await
}
