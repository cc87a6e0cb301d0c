//! Erasing partitions, batch by batch:
//! select → intent → holds → vectors → rows → vectors read back → record. A small job is read back before it is recorded,
//! so that one record ends it.
//!
//! If the process dies before the intent is committed, nothing happened. If it dies later, the next holder of the lease
//! finishes the intent by its ids, in all stores, before anything else. The SQL row is the last handle on a memory, so
//! it is deleted after the vector. The row stays if a vector turns out to belong to another owner. What a hold keeps drops
//! out before the first effect, and the statement that deletes the rows has the holds too.

use crate::lease::{Environment, LeaseGuard, Next, Stop};
use crate::targets::Mapped;

mod admit;
mod again;
mod batch_part;
mod begin;
mod confirm;
mod crowds;
mod dependents;
mod intend;
mod kept;
mod memory_outcome;
mod points;
mod read_back;
mod record;
mod rows;
mod select;
mod stopped;
mod target;
mod vectors;

use admit::admit;
use begin::may_begin;
use intend::intend;
use memory_outcome::outcomes;
use record::record;
use select::select;

/// Erases partitions until they end. Returns the partitions to read back now, and whether a store was called.
///
/// Several leases hold only lists of ids, which together fit into one batch.
pub(crate) async fn erase(
    env: &Environment,
    mapped: &Mapped,
    mut open: Vec<LeaseGuard>,
) -> Result<(Vec<LeaseGuard>, bool), Stop> {
    let mut read_back = Vec::new();
    let mut asked = false;
    while !open.is_empty() {
        env.keep_those_left(&mut open).await?;
        open = may_begin(env, open).await?;
        asked |= !open.is_empty();
        let (parts, left) = select(env, mapped, open).await?;
        open = left;
        let mut parts = intend(env, parts).await?;
        if parts.is_empty() {
            continue;
        }
        let holds = admit(env, mapped, &mut parts).await?;
        let stopped = vectors::delete(env, mapped, &parts, &holds).await?;
        let rows = rows::delete(env, mapped, &mut parts, &stopped, &holds).await?;
        let kept = vectors::check(env, mapped, &parts).await?;
        let outcomes = outcomes(&parts, rows, kept, &stopped);
        for next in record(env, mapped, parts, outcomes).await? {
            match next {
                Next::GoesOn(lease) => open.push(lease),
                Next::ReadBack(lease) => read_back.push(lease),
                Next::Over => {}
            }
        }
    }
    Ok((read_back, asked))
}
