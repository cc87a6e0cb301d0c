//! A memory with more points than an intent lists: they are gone through page by page, in constant memory.

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

/// What is known of a memory whose points are gone through.
pub(crate) struct Crowd<'a> {
    pub(crate) item: &'a Item,
    pub(crate) entry: &'a Entry,
}

/// Returns those points of a page that belong to the memory, whether one of the others speaks against it, and where
/// the next page begins.
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

/// What the points of a page that do not belong to the memory are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Others {
    /// One speaks against its being the row's.
    pub(crate) disagree: bool,
    /// Of one it cannot be told whose it is.
    pub(crate) unknown: bool,
}

/// Looks whether any of the points may be the job's though `rows` outside the scope, or one of the own table, have the
/// memory's id.
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

/// Looks at all points of a memory.
pub(super) async fn look(
    env: &Environment,
    mapped: &Mapped,
    item: &Item,
    (row, mut entry): (RowMatch, Entry),
    fences: &[Fence],
) -> Result<Entry, Stop> {
    match row {
        // The row is another's, and so are its points.
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
        // Of so many points, none goes unless all may.
        (_, true) => Vectors::Unverifiable,
        (false, false) => Vectors::None,
    };
    Ok(entry)
}
