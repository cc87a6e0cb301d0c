//! The next batch of a partition.

use lethe_common::config::Config;
use lethe_common::job::{StoreKind, Subject};
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

/// What comes next in a partition.
pub(crate) struct Batch {
    /// Memories to be looked for in all stores.
    pub(crate) items: Vec<Item>,
    /// Whether they were just read from the table under the job's conditions.
    pub(crate) listed: bool,
    /// Points without a row, found by what they carry, or listed by a plan; instead of `items`.
    pub(crate) orphans: Vec<Entry>,
    /// How far the partition is once this is done; nothing if that is all.
    pub(crate) then: Option<Cursor>,
}

impl Batch {
    /// Returns how far the partition is once only the first `n` of its memories are done.
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

/// Returns what somebody should know about finding what a lease's job is about.
pub(crate) async fn warning(mapped: &Mapped, lease: &Lease) -> Result<Option<WarningCode>, StoreError> {
    let Some(table) = mapped.sql().await?.filter(|_| lease.job.is_unlisted()) else {
        return Ok(None);
    };
    Ok(table.is_full_scan(&conditions(lease)).then_some(WarningCode::FullScan))
}

/// Returns whether the table of a lease cannot hold what its job demands, under none of a person's names: then
/// it is skipped, unless that means nobody to the one who asked.
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

/// Returns how many memories a batch of this job may hold.
// A throttled job's batch is worth at most a second of its rate, so that the rate is kept to.
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

/// Returns how many rows a batch of a range may hold, if any: what was written into the range since it
/// was cut must not make it more than its job takes.
fn room(lease: &Lease, size: u32) -> Option<u32> {
    if lease.job.max_memories.is_none() {
        return Some(size);
    }
    let left = u32::try_from(lease.remaining).unwrap_or(u32::MAX);
    Some(size.min(left)).filter(|size| *size > 0)
}

/// Returns how many memories to read at a time: no more than fit into a batch by their points.
fn fitting(mapped: &Mapped, size: u32) -> u32 {
    let fits = mapped.fits.at_most(usize::try_from(size).unwrap_or(usize::MAX));
    u32::try_from(fits).unwrap_or(size).min(size).max(1)
}

/// Returns the next batch of a partition that erases.
pub(crate) async fn next(
    env: &Environment,
    mapped: &Mapped,
    lease: &LeaseGuard,
    cursor: Cursor,
) -> Result<Batch, Stop> {
    let mut batch = page(env, mapped, lease, cursor).await?;
    if matches!(lease.work, Work::Query) && !batch.items.is_empty() {
        // What changed since it was listed is not listed again: it is another memory now.
        let ids: Vec<String> = batch.items.iter().map(|item| item.id.clone()).collect();
        // What the ledger says is never a store's fault: no breaker counts it.
        let conflicted = lease.ask(env, || env.ledger.conflicted(lease, &ids)).await?;
        batch.items.retain(|item| !conflicted.contains(&item.id));
    }
    Ok(batch)
}

/// Returns what of a partition comes next in its stores.
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

/// Returns the next rows in key order; `afterwards` follows the last of them.
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
    // A subject's memories go whatever they have become.
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

/// Returns the next points that carry what the job demands and have no row.
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
    // Of a point whose memory cannot be told, the row may be about to take it with it: reading
    // back counts what is left.
    orphans.retain(|entry| entry.vectors == Vectors::Alone);
    if !orphans.is_empty() {
        // A row that another partition erased in between took its vector with it, before it: what
        // is still there never had one, and what is not is that partition's to count.
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

/// Returns how far a list is once `n` more of what is left are done.
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

/// Returns the points of a page that have no row in any mapped table and carry what is demanded; those of which either
/// cannot be told are unverifiable.
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
            // The store's own filter takes one of several owners for the owner, and one spelling for another.
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
                // Its row is erased by id, if it is the subject's; else the row decides whose it is.
                Some(Owner::Row) => return None,
                // Another tenant's row, of a point that names the person.
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
