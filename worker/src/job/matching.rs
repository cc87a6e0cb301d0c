//! The points that a job by query is about, where a table has only points.
//!
//! Each point stands for itself, though several may be one memory's. Which points there were is said
//! by the plan, which lists them; from then on a point is looked at by its id, and what does not match
//! any more stays. The rows of other tables count here as everywhere: a point whose row is somewhere is
//! that row's.

use std::collections::HashMap;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use crate::job::cursor::{Cursor, Ends};
use crate::job::intent::{Entry, Vectors};
use crate::job::resolve::{contradicted, have_rows};
use crate::lease::Environment;
use crate::store::vector::{PointId, Sighted};
use crate::store::{Conditions, StoreError};
use crate::targets::Mapped;

/// Returns the next points that match, and where the page after them begins.
pub(crate) async fn page(
    env: &Environment,
    mapped: &Mapped,
    conditions: &Conditions,
    cursor: &Cursor,
    size: u32,
) -> Result<(Vec<Entry>, Option<Cursor>), StoreError> {
    let Some(collection) = mapped.vector().await? else {
        return Ok((Vec::new(), None));
    };
    let all = cursor.ends == Ends::Read;
    let found = if all {
        let page = collection.page_of_all(conditions, cursor.offset, size);
        env.call(mapped, StoreKind::Vector, StoreCall::Page, page).await
    } else {
        let page = collection.page_matching(conditions, cursor.offset, size);
        env.call(mapped, StoreKind::Vector, StoreCall::Page, page).await
    };
    let then = |offset, ends| Cursor {
        points: true,
        offset,
        ends,
        ..Cursor::default()
    };
    let (points, next) = match found {
        // Once may be chance. Twice: few points match, and no index tells which; from here on all are gone
        // through.
        Err(StoreError::Timeout { .. }) if !all => {
            let ends = match cursor.ends {
                Ends::Sampled => Ends::Counted,
                Ends::Counted | Ends::Read => Ends::Read,
            };
            return Ok((Vec::new(), Some(then(cursor.offset, ends))));
        }
        found => found?,
    };
    let ends = if all { Ends::Read } else { Ends::default() };
    let then = next.map(|offset| then(Some(offset), ends));
    Ok((of_nobody(env, mapped, points).await?, then))
}

/// Returns what listed points are now, in their order.
pub(crate) async fn listed(
    env: &Environment,
    mapped: &Mapped,
    conditions: &Conditions,
    points: &[PointId],
    call: StoreCall,
) -> Result<Vec<Entry>, StoreError> {
    let Some(collection) = mapped.vector().await? else {
        return Ok(Vec::new());
    };
    let found = collection.sight(points, conditions);
    let found = env.call(mapped, StoreKind::Vector, call, found).await?;
    let met = points
        .iter()
        .filter_map(|point| found.get(point))
        .filter(|point| point.is_met);
    let met = of_nobody(env, mapped, met.cloned().collect()).await?;
    let mut met: HashMap<PointId, Entry> = met.into_iter().map(|entry| (entry.points[0], entry)).collect();
    let entry = |point: &PointId| {
        met.remove(point).unwrap_or_else(|| {
            let there = found.get(point);
            let vectors = if there.is_some() {
                Vectors::Changed
            } else {
                Vectors::None
            };
            // Not by what its payload says now: that may be somebody else's.
            entry(*point, None, vectors)
        })
    };
    Ok(points.iter().map(entry).collect())
}

/// Returns those of the points that have no row in any mapped table, and those of which that cannot be
/// said.
async fn of_nobody(env: &Environment, mapped: &Mapped, points: Vec<Sighted>) -> Result<Vec<Entry>, StoreError> {
    let ids: Vec<&str> = points.iter().filter_map(|point| point.memory.as_deref()).collect();
    let mut owned = have_rows(env, mapped, &ids).await?.into_iter();
    let named = points
        .iter()
        .filter_map(|point| Some((point.id, point.memory.as_deref()?)));
    let named: Vec<_> = named.collect();
    let mut contradicted = contradicted(env, mapped, &named).await?.into_iter();
    let rows_exist = env.mappings.sharing(mapped).next().is_some();
    let of_nobody = |point: Sighted| {
        let is_contradicted = point.memory.is_some() && contradicted.next().unwrap_or(true);
        let vectors = match &point.memory {
            Some(_) if owned.next().unwrap_or(true) => return None,
            Some(_) if is_contradicted => Vectors::Unverifiable,
            None if rows_exist => Vectors::Unverifiable,
            Some(_) | None => Vectors::Orphans,
        };
        Some(entry(point.id, point.memory, vectors))
    };
    Ok(points.into_iter().filter_map(of_nobody).collect())
}

/// A point is called by its memory, or by its own id where that is all that is known.
fn entry(point: PointId, memory: Option<String>, vectors: Vectors) -> Entry {
    Entry {
        id: Some(memory.unwrap_or_else(|| point.text())),
        points: vec![point],
        vectors,
        ..Entry::default()
    }
}
