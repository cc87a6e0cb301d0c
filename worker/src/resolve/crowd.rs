//! A memory with more points than an intent lists: they are gone through page by page, in constant memory.

use lethe_common::job::StoreKind;
use lethe_common::ledger::Lease;
use lethe_common::metrics::StoreCall;

use super::judge::{Claim, Judge};
use super::owned::have_rows;
use crate::environment::Environment;
use crate::intent::{Entry, Vectors};
use crate::mapped::Mapped;
use crate::store::sql::Found;
use crate::store::vector::{Point, PointId};
use crate::store::{Item, StoreError};
use crate::task::Stop;

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
    let (points, next) = env.call(mapped, StoreKind::Vector, call, page).await?;
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

/// Looks at all points of a memory.
pub(super) async fn look(
    env: &Environment,
    mapped: &Mapped,
    item: &Item,
    (row, mut entry): (Found, Entry),
    leases: &mut Vec<Lease>,
) -> Result<Result<Entry, StoreError>, Stop> {
    match row {
        // The row is another's, and so are its points.
        Found::Other => return Ok(Ok(entry)),
        Found::Absent => match have_rows(env, mapped, &[&item.id]).await {
            Ok(owned) if owned.contains(&true) => return Ok(Ok(entry)),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        },
        Found::Matching => {}
    }
    let (mut belong, mut unknown, mut offset) = (false, false, None);
    loop {
        env.keep(leases).await?;
        let crowd = Crowd { item, entry: &entry };
        let (points, others, next) = match page(env, mapped, &crowd, offset, StoreCall::Find).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        if others.disagree {
            entry.row = false;
            entry.vectors = Vectors::Disagree;
            return Ok(Ok(entry));
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
    Ok(Ok(entry))
}
