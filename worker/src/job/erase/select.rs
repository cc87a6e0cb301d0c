//! Which memories a batch is about, and what they are in the stores at this moment.

use super::again::look_again;
use super::batch_part::{BatchPart, is_one};
use crate::job::batch::{self, Batch};
use crate::job::cursor::Cursor;
use crate::job::intent::{Entry, Intent};
use crate::job::repeats;
use crate::job::resolve::resolve;
use crate::lease::{self, Environment, LeaseGuard, Stop};
use crate::store::Item;
use crate::targets::Mapped;

/// What one lease brings to a batch.
struct Begun {
    lease: LeaseGuard,
    from: Cursor,
    batch: Batch,
}

/// Reads what comes next for each lease, and resolves all of it together; what another attempt began is looked at again.
/// Leases whose memories did not fit are returned beside.
pub(super) async fn select(
    env: &Environment,
    mapped: &Mapped,
    open: Vec<LeaseGuard>,
) -> Result<(Vec<BatchPart>, Vec<LeaseGuard>), Stop> {
    let fences = lease::fences(&open);
    let mut parts = Vec::with_capacity(open.len());
    let mut begun = Vec::new();
    let mut items: Vec<Item> = Vec::new();
    let mut listed = false;
    for lease in open {
        if let Some(intent) = Intent::of(&lease) {
            parts.push(BatchPart::found(lease, intent));
            continue;
        }
        let from = Cursor::of(&lease);
        let batch = batch::next(env, mapped, &lease, from.clone()).await?;
        listed |= batch.listed;
        items.extend(batch.items.iter().cloned());
        begun.push(Begun { lease, from, batch });
    }
    let mut entries = Vec::new();
    if !items.is_empty() {
        entries = resolve(env, mapped, &items, listed, &fences).await?;
    }
    let table = mapped.sql().await?;
    let mut left = Vec::new();
    let mut entries = entries.into_iter();
    for begun in begun {
        let mut found: Vec<Entry> = entries.by_ref().take(begun.batch.items.len()).collect();
        if found.is_empty() && !begun.batch.items.is_empty() {
            left.push(begun.lease);
        } else {
            // Not of the points that were listed: a memory without a row may have many.
            repeats::drop_repeats(&mut found, table.as_deref());
            parts.push(part(begun, found));
        }
    }
    look_again(env, mapped, &mut parts).await?;
    Ok((parts, left))
}

/// Returns what a lease does next about the first memories of its batch.
fn part(begun: Begun, mut found: Vec<Entry>) -> BatchPart {
    let Begun { lease, from, batch } = begun;
    if !is_one(&lease) && lease.job.query.is_none() {
        // Not kept for a thousand memories when nobody will ask.
        for entry in &mut found {
            entry.version = None;
        }
    }
    let then = batch.then_after(&lease, &from, found.len());
    let intent = Intent {
        entries: batch.orphans.into_iter().chain(found).collect(),
        then,
        ..Intent::default()
    };
    BatchPart::begun(lease, intent)
}
