//! A crowd is a memory with more points than an intent lists. They are read page by page, in constant memory.

use std::sync::Arc;

use lethe_common::job::StoreKind;
use lethe_common::ledger::Fence;
use lethe_common::metrics::StoreCall;

use super::contradicted::mark_contradicted;
use super::judge::{Claim, Holder, Judge};
use super::owned::{Owner, holders, owners};
use crate::job::intent::{Entry, Vectors};
use crate::lease::{Environment, Stop};
use crate::store::sql::{RowMatch, SqlTable};
use crate::store::vector::{Point, PointId};
use crate::store::{Item, RowOwner, StoreError};
use crate::targets::Mapped;

/// A memory with too many points, and its known state.
pub(crate) struct Crowd<'a> {
    pub(crate) item: &'a Item,
    pub(crate) entry: &'a Entry,
}

/// Returns the memory's points on a page, a summary of the other points, and the offset of the next page.
pub(crate) async fn page(
    env: &Environment,
    mapped: &Mapped,
    crowd: &Crowd<'_>,
    offset: Option<PointId>,
    call: StoreCall,
) -> Result<(Vec<Point>, Others, Option<PointId>), StoreError> {
    let Some(collection) = mapped.vector().await? else {
        return Ok((Vec::new(), Others::default(), None));
    };
    let table = mapped.sql().await?;
    let judge = Judge::new(table.as_deref());
    let page = collection.page_of_memory(crowd.item, crowd.entry.seen.row.is_some(), offset);
    let (mut points, next) = env.call(mapped, StoreKind::Vector, call, page).await?;
    mark_contradicted(env, mapped, points.iter_mut()).await?;
    let mut others = Others::default();
    let belongs = |point: &Point| {
        if let Some(row) = &crowd.entry.seen.row {
            let agrees = judge.agrees(Some(row), point);
            others.disagree |= !agrees;
            return agrees;
        }
        let claim = judge.claim(&crowd.item.conditions, point);
        others.unknown |= claim == Claim::Unknown;
        claim == Claim::Met
    };
    Ok((points.into_iter().filter(belongs).collect(), others, next))
}

/// A summary of the points of a page that do not belong to the memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Others {
    /// Whether one disagrees with the row.
    pub(crate) disagree: bool,
    /// Whether the owner of one is unknown.
    pub(crate) unknown: bool,
}

/// Marks the entry unverifiable if a point may be the job's. The memory's id belongs to `rows` outside the scope, or to
/// such a row of the own table.
async fn doubt(
    env: &Environment,
    mapped: &Mapped,
    item: &Item,
    mut entry: Entry,
    rows: Vec<(Arc<SqlTable>, RowOwner)>,
    fences: &[Fence],
) -> Result<Entry, Stop> {
    let table = mapped.sql().await?;
    let Some(collection) = mapped.vector().await? else {
        return Ok(entry);
    };
    let judge = Judge::new(table.as_deref());
    let own = table.as_deref().zip(entry.seen.outside.as_ref());
    let is_compared = own.is_some();
    let rows: Vec<Holder<'_>> = holders(&rows).into_iter().chain(own).collect();
    let mut offset = None;
    loop {
        env.keep(fences).await?;
        let page = collection.page_of_memory(item, is_compared, offset);
        let (mut points, next) = env.call(mapped, StoreKind::Vector, StoreCall::Find, page).await?;
        mark_contradicted(env, mapped, points.iter_mut()).await?;
        let is_in_doubt = |point: &Point| judge.is_in_doubt(mapped, &item.conditions, &rows, point);
        if points.iter().any(is_in_doubt) {
            entry.vectors = Vectors::Unverifiable;
            return Ok(entry);
        }
        offset = next;
        if offset.is_none() {
            return Ok(entry);
        }
    }
}

/// Reads all points of a memory, and decides about them.
pub(super) async fn look(
    env: &Environment,
    mapped: &Mapped,
    item: &Item,
    (row, mut entry): (RowMatch, Entry),
    fences: &[Fence],
) -> Result<Entry, Stop> {
    match row {
        // The row belongs to another owner, and so do its points.
        RowMatch::Other => return Ok(entry),
        RowMatch::Outside => return doubt(env, mapped, item, entry, Vec::new(), fences).await,
        RowMatch::Absent => match owners(env, mapped, &[&item.id]).await?.pop() {
            Some(Owner::Row) => return Ok(entry),
            Some(Owner::Outside(rows)) => return doubt(env, mapped, item, entry, rows, fences).await,
            Some(Owner::Nobody) | None => {}
        },
        RowMatch::Matching => {}
    }
    let (mut belong, mut unknown, mut offset) = (false, false, None);
    loop {
        env.keep(fences).await?;
        let crowd = Crowd { item, entry: &entry };
        let (points, others, next) = page(env, mapped, &crowd, offset, StoreCall::Find).await?;
        if others.disagree {
            entry.row = false;
            entry.vectors = Vectors::Disagree;
            return Ok(entry);
        }
        belong |= !points.is_empty();
        unknown |= others.unknown;
        offset = next;
        if offset.is_none() {
            break;
        }
    }
    entry.vectors = match (belong, unknown) {
        (true, false) => Vectors::Crowd,
        // Of so many points none is deleted unless all may be.
        (_, true) => Vectors::Unverifiable,
        (false, false) => Vectors::None,
    };
    Ok(entry)
}
