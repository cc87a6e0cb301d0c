//! The points that a query matches, where a table has only points.
//!
//! Each point counts by itself, though several may belong to one memory. The plan lists the points. From
//! then on each point is read by its id, and stays if it no longer matches. Rows of other tables count
//! too: a point that has a row in any table belongs to that row.

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

/// Returns the next points that match, and the cursor of the next page.
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
        // One timeout may be chance. After two, few points match and no index finds them: from here on all
        // points are read.
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

/// Returns the present state of listed points, in their order.
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
            // The memory that its payload names now is not used: it may belong to another owner.
            entry(*point, None, vectors)
        })
    };
    Ok(points.iter().map(entry).collect())
}

/// Returns the points without a row in any mapped table. A point is unverifiable if that is unknown.
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

/// Returns the entry of a point. Its id is the memory's, or the point's own if the memory is unknown.
fn entry(point: PointId, memory: Option<String>, vectors: Vectors) -> Entry {
    Entry {
        id: Some(memory.unwrap_or_else(|| point.text())),
        points: vec![point],
        vectors,
        ..Entry::default()
    }
}
