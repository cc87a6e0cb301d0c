//! Stopped memories: a point changed owner after the worker had read it, or a hold came between. Their rows stay.
//!
//! A deleting request skips such a point without saying so. So the points are looked for once more before their rows
//! are deleted: one call, which finds nothing unless a client wrote in between.

use std::collections::HashMap;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::target::Target;
use crate::holds::Keeper;
use crate::job::intent::Vectors;
use crate::job::resolve::{Judge, points_of};
use crate::lease::Environment;
use crate::store::vector::PointId;
use crate::store::{Item, StoreError};
use crate::targets::Mapped;

/// Why the row stays, and whether some of the memory's points were deleted before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Went {
    /// A point disagrees, and none was deleted.
    None,
    /// A point disagrees, and others were deleted.
    Some,
    /// A hold was placed on the memory.
    Held {
        /// Whether points may have been deleted before.
        some: bool,
        /// The hold.
        by: Keeper,
    },
}

/// The positions of the memories whose rows stay.
pub(super) type Stopped = HashMap<usize, Went>;

/// Adds the memories with a row whose points changed, and were therefore not deleted.
pub(super) async fn look(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
    stopped: &mut Stopped,
) -> Result<(), StoreError> {
    let Some(collection) = mapped.vector().await? else {
        return Ok(());
    };
    let is_listed = |target: &Target<'_>| target.is_meant() && target.entry.vectors != Vectors::Crowd;
    let with_row = |(_, target): &(usize, &Target<'_>)| is_listed(target) && target.entry.seen.row.is_some();
    let rows: Vec<(usize, &Target<'_>)> = targets.iter().enumerate().filter(with_row).collect();
    let all = rows.iter().flat_map(|(_, target)| target.entry.seen.points.iter());
    let all: Vec<PointId> = all.map(|point| point.id).collect();
    if all.is_empty() {
        return Ok(());
    }
    let present = collection.present(&all);
    let present = env
        .call(mapped, StoreKind::Vector, StoreCall::ReadBack, present)
        .await?;
    // With the points that an earlier attempt deleted.
    let points = |target: &Target<'_>| target.entry.points.len();
    let left = |target: &Target<'_>| {
        target
            .entry
            .points
            .iter()
            .filter(|point| present.contains(point))
            .count()
    };
    let rows: Vec<(usize, &Target<'_>)> = rows.into_iter().filter(|(_, target)| left(target) > 0).collect();
    let items = rows
        .iter()
        .filter_map(|(_, target)| Some(Item::new(target.entry.id.clone()?, target.conditions)));
    let items: Vec<Item> = items.collect();
    if items.is_empty() {
        return Ok(());
    }
    let row_found = vec![true; items.len()];
    let found = points_of(env, mapped, &collection, &items, &row_found, StoreCall::ReadBack).await?;
    let table = mapped.sql().await?;
    let judge = Judge::new(table.as_deref());
    for ((place, target), found) in rows.into_iter().zip(found) {
        // Unchanged points are the job's, and are deleted again.
        if found
            .iter()
            .any(|point| !judge.agrees(target.entry.seen.row.as_ref(), point))
        {
            let all = left(target) == points(target);
            stopped.insert(place, if all { Went::None } else { Went::Some });
        }
    }
    Ok(())
}
