//! The present state of a batch's memories in the stores.
//!
//! This is the only selector of the program: erasing acts on its result, a preview counts it, and a
//! read-back expects it to be empty.

mod contradicted;
mod crowd;
mod find;
mod judge;
mod owned;

use lethe_common::job::StoreKind;
use lethe_common::ledger::Fence;
use lethe_common::metrics::StoreCall;

use crate::job::intent::{Entry, Seen, Vectors};
use crate::lease::{Environment, Stop};
use crate::store::sql::RowMatch;
use crate::store::vector::{Point, VectorCollection};
use crate::store::{self, Item, StoreError};
use crate::targets::Mapped;

pub(crate) use contradicted::{contradicted, mark_contradicted};
pub(crate) use crowd::{Crowd, Others, page as page_of_crowd};
pub(crate) use find::points_of;
pub(crate) use judge::{Claim, Judge};
pub(crate) use owned::{Owner, have_rows, owners};

use judge::Holder;
use owned::holders;

/// Finds the memories of a batch in all stores of their mapping, under their conditions.
///
/// `listed` means that the ids were just read from the table under the same conditions. The answer may hold only the
/// first memories, at least one: as many as have no more points than an intent lists. Long searches renew the leases.
pub(crate) async fn resolve(
    env: &Environment,
    mapped: &Mapped,
    items: &[Item],
    listed: bool,
    fences: &[Fence],
) -> Result<Vec<Entry>, Stop> {
    let (mut entries, points) = find(env, mapped, items, listed).await?;
    let points = match points {
        Points::None => return Ok(entries.into_iter().map(|(_, entry)| entry).collect()),
        Points::Found(points) => points,
        Points::Crowd => {
            entries.truncate(1);
            let entry = crowd::look(env, mapped, &items[0], entries.remove(0), fences).await?;
            return Ok(vec![entry]);
        }
    };
    entries.truncate(points.len());
    Ok(decide(env, mapped, items, entries, points).await?)
}

/// The points of a batch.
enum Points {
    /// The mapping has none.
    None,
    /// The points of each of the first memories.
    Found(Vec<Vec<Point>>),
    /// The first memory has too many to be listed.
    Crowd,
}

async fn find(
    env: &Environment,
    mapped: &Mapped,
    items: &[Item],
    listed: bool,
) -> Result<(Vec<(RowMatch, Entry)>, Points), StoreError> {
    let rows = match mapped.sql().await? {
        Some(_) if listed => items.iter().map(as_listed).collect(),
        Some(table) => {
            env.call(mapped, StoreKind::Sql, StoreCall::Find, table.find_rows(items))
                .await?
        }
        None => vec![(RowMatch::Absent, store::Seen::default()); items.len()],
    };
    // Only these rows are compared with points.
    let compared = |(row, _): &(RowMatch, _)| matches!(row, RowMatch::Matching | RowMatch::Outside);
    let compared: Vec<bool> = rows.iter().map(compared).collect();
    let entries = items
        .iter()
        .zip(rows)
        .map(|(item, (row, seen))| (row, entry(item, row, seen)))
        .collect();
    let Some(collection) = mapped.vector().await? else {
        return Ok((entries, Points::None));
    };
    Ok((entries, points(env, mapped, &collection, items, &compared).await?))
}

fn entry(item: &Item, row: RowMatch, seen: store::Seen) -> Entry {
    Entry {
        id: Some(item.id.clone()),
        row: row == RowMatch::Matching,
        vectors: if seen.changed { Vectors::Changed } else { Vectors::None },
        version: seen.version,
        seen: Seen {
            place: seen.place,
            row: (row == RowMatch::Matching).then(|| seen.whose.clone()),
            outside: (row == RowMatch::Outside).then_some(seen.whose),
            is_foreign: matches!(row, RowMatch::Other | RowMatch::Outside),
            ..Seen::default()
        },
        ..Entry::default()
    }
}

/// Finds the points, of fewer memories if there are too many points.
async fn points(
    env: &Environment,
    mapped: &Mapped,
    collection: &VectorCollection,
    items: &[Item],
    compared: &[bool],
) -> Result<Points, StoreError> {
    let mut n = mapped.fits.at_most(items.len());
    loop {
        let found = collection.find(&items[..n], &compared[..n]);
        let found = env.call(mapped, StoreKind::Vector, StoreCall::Find, found).await?;
        if let Some(mut points) = found {
            mark_contradicted(env, mapped, points.iter_mut().flatten()).await?;
            mapped.fits.fitted(n, points.iter().map(Vec::len).sum());
            return Ok(Points::Found(points));
        }
        if n == 1 {
            return Ok(Points::Crowd);
        }
        let crowd = collection.crowd(&items[..n]);
        let crowd = env.call(mapped, StoreKind::Vector, StoreCall::Count, crowd).await?;
        n = mapped.fits.crowded(n, crowd);
    }
}

/// Decides about the points of each memory.
async fn decide(
    env: &Environment,
    mapped: &Mapped,
    items: &[Item],
    found: Vec<(RowMatch, Entry)>,
    mut points: Vec<Vec<Point>>,
) -> Result<Vec<Entry>, StoreError> {
    let table = mapped.sql().await?;
    let judge = Judge::new(table.as_deref());
    let mut orphans = Vec::new();
    let mut entries = Vec::with_capacity(found.len());
    for (n, (row, mut entry)) in found.into_iter().enumerate() {
        let (points, conditions) = (&mut points[n], &items[n].conditions);
        match row {
            _ if points.is_empty() => {}
            RowMatch::Matching if points.iter().all(|point| judge.agrees(entry.seen.row.as_ref(), point)) => {
                entry.vectors = Vectors::OfRow;
                entry.takes(std::mem::take(points));
            }
            RowMatch::Matching => {
                entry.row = false;
                entry.vectors = Vectors::Disagree;
            }
            // The row belongs to another owner, and so does the vector.
            RowMatch::Other => {}
            RowMatch::Outside => {
                let rows: Vec<Holder<'_>> = table.as_deref().zip(entry.seen.outside.as_ref()).into_iter().collect();
                if points
                    .iter()
                    .any(|point| judge.is_in_doubt(mapped, conditions, &rows, point))
                {
                    entry.vectors = Vectors::Unverifiable;
                }
            }
            RowMatch::Absent => orphans.push(n),
        }
        entries.push(entry);
    }
    let ids: Vec<&str> = orphans.iter().map(|&n| items[n].id.as_str()).collect();
    let owned = owners(env, mapped, &ids).await?;
    for (n, owner) in orphans.into_iter().zip(owned) {
        let (points, conditions) = (&mut points[n], &items[n].conditions);
        match owner {
            Owner::Nobody => judge.adopt(&mut entries[n], conditions, std::mem::take(points)),
            Owner::Row => {}
            Owner::Outside(rows) => {
                let rows = holders(&rows);
                if points
                    .iter()
                    .any(|point| judge.is_in_doubt(mapped, conditions, &rows, point))
                {
                    entries[n].vectors = Vectors::Unverifiable;
                }
            }
        }
    }
    Ok(entries)
}

/// Returns the state of a row when it was listed.
fn as_listed(item: &Item) -> (RowMatch, store::Seen) {
    let found = if item.changed {
        RowMatch::Other
    } else {
        RowMatch::Matching
    };
    (found, item.seen())
}
