//! The next batch of a partition.

use std::collections::HashSet;

use lethe_common::config::Config;
use lethe_common::job::{Outcome, StoreKind, Subject};
use lethe_common::ledger::{JobFacts, Lease, WarningCode, Work};

use lethe_common::metrics::StoreCall;

use crate::job::conditions::{conditions, conditions_as};
use crate::job::cursor::{Cursor, ids_left};
use crate::job::intent::{Entry, Vectors};
use crate::job::matching;
use crate::job::pages::{self, Page, Rows};
use crate::job::piece::Piece;
use crate::job::resolve::{Claim, Judge, Owner, mark_contradicted, owners};
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::store::vector::{Point, PointId};
use crate::store::{Conditions, Item, StoreError};
use crate::targets::Mapped;

/// The next batch of a partition.
pub(crate) struct Batch {
    /// The memories to find in all stores.
    pub(crate) items: Vec<Item>,
    /// Whether the memories were just read from the table under the job's conditions.
    pub(crate) listed: bool,
    /// Points without a row, found by their payload or listed by a plan. They take the place of `items`.
    pub(crate) orphans: Vec<Entry>,
    /// The cursor after this batch; `None` after the last batch.
    pub(crate) then: Option<Cursor>,
}

impl Batch {
    /// Returns the cursor after only the first `n` memories of the batch.
    pub(crate) fn then_after(&self, lease: &Lease, from: &Cursor, n: usize) -> Option<Cursor> {
        if n >= self.items.len() {
            return self.then.clone();
        }
        match &lease.work {
            Work::Ids(_) => Some(Cursor {
                at: from.at + n,
                ..from.clone()
            }),
            _ => Some(Cursor {
                after: n.checked_sub(1).and_then(|last| Some(self.items.get(last)?.id.clone())),
                rows: from.rows,
                through: from.through.clone(),
                ..Cursor::default()
            }),
        }
    }

    fn nothing() -> Self {
        Self {
            items: Vec::new(),
            listed: false,
            orphans: Vec::new(),
            then: None,
        }
    }
}

/// Returns a warning if only a full scan of the table finds the job's memories.
pub(crate) async fn warning(mapped: &Mapped, lease: &Lease) -> Result<Option<WarningCode>, StoreError> {
    let Some(table) = mapped.sql().await?.filter(|_| lease.job.is_unlisted()) else {
        return Ok(None);
    };
    Ok(table.is_full_scan(&conditions(lease)).then_some(WarningCode::FullScan))
}

/// Returns whether the table cannot hold the demanded values, under any of a person's names. Such a table is
/// skipped, except for a lenient job, where the values match no row.
pub(crate) async fn is_mistyped(mapped: &Mapped, lease: &Lease) -> Result<bool, StoreError> {
    if lease.job.lenient || !lease.job.is_unlisted() {
        return Ok(false);
    }
    let Some(table) = mapped.sql().await? else {
        return Ok(false);
    };
    let names = lease.job.subject.as_ref().map_or(1, Subject::names);
    for alias in 0..names {
        if !table.is_mistyped(&conditions_as(lease, alias)).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the largest number of memories in a batch of this job.
// A throttled job's batch takes at most one second of its pace, so that the job keeps to it.
pub(crate) fn size(config: &Config, job: &JobFacts) -> u32 {
    let size = config.worker.batch.min(job.batch.unwrap_or(u32::MAX));
    let Some(per_second) = job.per_second else {
        return size.max(1);
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float beyond 32 bits becomes the largest number, and a pace is never negative"
    )]
    let second = per_second as u32;
    size.min(second).max(1)
}

/// Returns the largest number of rows in a range's next batch, if any. Rows that were written into the range
/// after the plan must not raise the job above its `max_memories`.
fn room(lease: &Lease, size: u32) -> Option<u32> {
    if lease.job.max_memories.is_none() {
        return Some(size);
    }
    let left = u32::try_from(lease.remaining).unwrap_or(u32::MAX);
    Some(size.min(left)).filter(|size| *size > 0)
}

/// Returns the number of memories to read at a time: their points must fit into a batch.
fn fitting(mapped: &Mapped, size: u32) -> u32 {
    let fits = mapped.fits.at_most(usize::try_from(size).unwrap_or(usize::MAX));
    u32::try_from(fits).unwrap_or(size).min(size).max(1)
}

/// Returns the next batch of an erasing partition.
pub(crate) async fn next(
    env: &Environment,
    mapped: &Mapped,
    lease: &LeaseGuard,
    cursor: Cursor,
) -> Result<Batch, Stop> {
    let mut batch = page(env, mapped, lease, cursor).await?;
    if matches!(lease.work, Work::Query) && !batch.items.is_empty() {
        // A memory that changed since it was listed is another memory now: it is not listed again.
        let ids: Vec<String> = batch.items.iter().map(|item| item.id.clone()).collect();
        // A ledger error is no store's fault: no breaker counts it.
        let conflicted = lease.ask(env, || env.ledger.conflicted(lease, &ids)).await?;
        batch.items.retain(|item| !conflicted.contains(&item.id));
    }
    if matches!(lease.work, Work::Subject | Work::Query) {
        drop_held(env, lease, &mut batch).await?;
    }
    Ok(batch)
}

/// Drops the memories that an earlier round recorded as held: they would count twice.
async fn drop_held(env: &Environment, lease: &LeaseGuard, batch: &mut Batch) -> Result<(), Stop> {
    let is_empty = batch.items.is_empty() && batch.orphans.is_empty();
    if is_empty || lease.ask(env, || env.ledger.holds_revision()).await? == 0 {
        return Ok(());
    }
    let ids: Vec<String> = batch.items.iter().map(|item| item.id.clone()).collect();
    let rows = recorded_as_held(env, lease, StoreKind::Sql, &ids).await?;
    batch.items.retain(|item| !rows.contains(&item.id));
    let ids: Vec<String> = batch.orphans.iter().filter_map(|entry| entry.id.clone()).collect();
    let points = recorded_as_held(env, lease, StoreKind::Vector, &ids).await?;
    let is_recorded = |entry: &Entry| entry.id.as_ref().is_some_and(|id| points.contains(id));
    batch.orphans.retain(|entry| !is_recorded(entry));
    Ok(())
}

/// Returns the memories of `ids` that the job has recorded as held in a store.
pub(crate) async fn recorded_as_held(
    env: &Environment,
    lease: &LeaseGuard,
    store: StoreKind,
    ids: &[String],
) -> Result<HashSet<String>, Stop> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let recorded = || env.ledger.recorded(lease, Outcome::Held, store, ids);
    lease.ask(env, recorded).await
}

/// Reads the next batch of a partition from its stores.
async fn page(env: &Environment, mapped: &Mapped, lease: &Lease, cursor: Cursor) -> Result<Batch, StoreError> {
    let size = size(&env.config, &lease.job);
    let fitting = fitting(mapped, size);
    let conditions = conditions(lease);
    match &lease.work {
        Work::Listed(_) => {
            let left = ids_left(lease, &cursor);
            let n = left.len().min(size as usize);
            let points: Vec<PointId> = left[..n].iter().filter_map(|id| PointId::from_text(id)).collect();
            let orphans = matching::listed(env, mapped, &conditions, &points, StoreCall::Find).await?;
            Ok(Batch {
                orphans,
                then: further(&cursor, n, left.len()),
                ..Batch::nothing()
            })
        }
        Work::Ids(_) => {
            let left = ids_left(lease, &cursor);
            let n = left.len().min(fitting as usize);
            let items = left[..n].iter().map(|id| Item::new(id, &conditions)).collect();
            Ok(Batch {
                items,
                then: further(&cursor, n, left.len()),
                ..Batch::nothing()
            })
        }
        Work::Range { after, through } => {
            let after = cursor.after.clone().or_else(|| after.clone());
            let from = Piece {
                after,
                ..cursor.piece()
            };
            let Some(size) = room(lease, fitting) else {
                return Ok(Batch::nothing());
            };
            let mut batch = rows(env, mapped, lease, &from, through.as_deref(), size, None).await?;
            if lease.job.max_memories.is_some() && batch.items.len() as u64 >= lease.remaining {
                batch.then = None;
            }
            Ok(batch)
        }
        Work::Query if mapped.has_only_points() => {
            let (orphans, then) = matching::page(env, mapped, &conditions, &cursor, size).await?;
            Ok(Batch {
                orphans,
                then,
                ..Batch::nothing()
            })
        }
        Work::Query => {
            let through = cursor.through.as_deref();
            let mut batch = rows(env, mapped, lease, &cursor.piece(), through, fitting, None).await?;
            if let Some(then) = &mut batch.then {
                then.through.clone_from(&cursor.through);
            }
            batch.items.retain(|item| !item.changed);
            Ok(batch)
        }
        Work::Subject if !cursor.points => {
            let points = mapped.vector().await?.map(|_| Cursor {
                points: true,
                ..Cursor::default()
            });
            rows(env, mapped, lease, &cursor.piece(), None, fitting, points).await
        }
        Work::Subject | Work::Points => points(env, mapped, &conditions, cursor, size).await,
    }
}

/// Returns the next rows in key order; `afterwards` is the cursor after the last row.
async fn rows(
    env: &Environment,
    mapped: &Mapped,
    lease: &Lease,
    from: &Piece,
    through: Option<&str>,
    limit: u32,
    afterwards: Option<Cursor>,
) -> Result<Batch, StoreError> {
    let rows = Rows {
        through,
        changed: true,
        limit,
    };
    let Page { rows: ids, next } = pages::page(env, mapped, lease, StoreCall::Page, from, rows).await?;
    let conditions = conditions(lease);
    // A subject's memories are deleted in any version.
    let versions = conditions.query.is_some();
    let then = match next {
        Some(Piece { after, rows }) => Some(Cursor {
            after,
            rows,
            ..Cursor::default()
        }),
        None => afterwards,
    };
    let items = ids
        .into_iter()
        .map(|(id, seen)| Item {
            id,
            conditions: conditions.clone(),
            version: seen.version.filter(|_| versions),
            place: seen.place,
            changed: seen.changed,
            whose: seen.whose,
        })
        .collect();
    Ok(Batch {
        items,
        listed: true,
        orphans: Vec::new(),
        then,
    })
}

/// Returns the next orphans: points that meet the job's conditions and have no row.
async fn points(
    env: &Environment,
    mapped: &Mapped,
    conditions: &Conditions,
    cursor: Cursor,
    size: u32,
) -> Result<Batch, StoreError> {
    let Some(collection) = mapped.vector().await? else {
        return Ok(Batch::nothing());
    };
    let page = collection.page(conditions, cursor.offset, size);
    let (found, next) = env.call(mapped, StoreKind::Vector, StoreCall::Page, page).await?;
    let mut orphans = orphans(env, mapped, conditions, found).await?;
    // Other points are unverifiable here. Their row may be about to be deleted, and they with it: the read-back
    // counts the rest.
    orphans.retain(|entry| entry.vectors == Vectors::Alone);
    if !orphans.is_empty() {
        // Another partition may have erased a row in between, after its vector. A point that still exists never
        // had that row; a deleted point is counted by that partition.
        let points: Vec<_> = orphans.iter().flat_map(|entry| entry.points.iter().copied()).collect();
        let present = collection.present(&points);
        let present = env.call(mapped, StoreKind::Vector, StoreCall::Find, present).await?;
        orphans.retain(|entry| entry.points.iter().any(|point| present.contains(point)));
    }
    Ok(Batch {
        orphans,
        then: next.map(at_points),
        ..Batch::nothing()
    })
}

/// Returns the cursor of a list after `n` of the `left` ids; `None` after the last one.
fn further(cursor: &Cursor, n: usize, left: usize) -> Option<Cursor> {
    (n < left).then(|| Cursor {
        at: cursor.at + n,
        ..cursor.clone()
    })
}

fn at_points(offset: PointId) -> Cursor {
    Cursor {
        points: true,
        offset: Some(offset),
        ..Cursor::default()
    }
}

/// Returns the points of a page that have no row in any mapped table and meet the conditions. A point is
/// unverifiable if either is unknown.
pub(crate) async fn orphans(
    env: &Environment,
    mapped: &Mapped,
    conditions: &Conditions,
    mut found: Vec<(Point, Option<String>)>,
) -> Result<Vec<Entry>, StoreError> {
    mark_contradicted(env, mapped, found.iter_mut().map(|(point, _)| point)).await?;
    let table = mapped.sql().await?;
    let judge = Judge::new(table.as_deref());
    let mut claimed = Vec::with_capacity(found.len());
    for (point, memory) in found {
        match judge.claim(conditions, &point) {
            // The store's filter also matches points with several owners, and other spellings of an owner.
            Claim::Foreign => {}
            claim => claimed.push((claim, point, memory)),
        }
    }
    let ids: Vec<&str> = claimed.iter().filter_map(|(_, _, id)| id.as_deref()).collect();
    let mut owners = owners(env, mapped, &ids).await?.into_iter();
    let rows_exist = env.mappings.sharing(mapped).next().is_some();
    Ok(claimed
        .into_iter()
        .filter_map(|(claim, point, id)| {
            let owner = id.as_ref().map(|_| owners.next().unwrap_or(Owner::Row));
            let vectors = match owner {
                // The row of the subject is erased by its id. Any other row decides about its own points.
                Some(Owner::Row) => return None,
                // The row is outside the scope, but the point names the person.
                Some(Owner::Outside(_)) => Vectors::Unverifiable,
                None if rows_exist => Vectors::Unverifiable,
                _ if claim == Claim::Unknown => Vectors::Unverifiable,
                Some(Owner::Nobody) | None => Vectors::Alone,
            };
            let mut entry = Entry {
                id,
                vectors,
                ..Entry::default()
            };
            entry.takes(vec![point]);
            Some(entry)
        })
        .collect())
}
