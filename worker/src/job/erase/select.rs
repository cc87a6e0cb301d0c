//! The memories of a batch, and their present state in the stores.

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

/// The part of one lease in a batch that begins.
struct Begun {
    lease: LeaseGuard,
    from: Cursor,
    batch: Batch,
}

/// Reads the next memories of each lease, and resolves all of them together. Intents of other attempts are checked.
/// Also returns the leases whose memories did not fit.
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
            // Listed points are not deduplicated: a memory without a row may have many.
            repeats::drop_repeats(&mut found, table.as_deref());
            parts.push(part(begun, found));
        }
    }
    look_again(env, mapped, &mut parts).await?;
    Ok((parts, left))
}

/// Returns the part of a lease, with the first memories of its batch.
fn part(begun: Begun, mut found: Vec<Entry>) -> BatchPart {
    let Begun { lease, from, batch } = begun;
    if !is_one(&lease) && lease.job.query.is_none() {
        // Only a query, or a job of one memory, needs versions.
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
