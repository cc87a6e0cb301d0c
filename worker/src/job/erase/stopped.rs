//! Memories of which a point turned out to be somebody else's after the look at them: their rows stay.
//!
//! A deleting request leaves such a point where it is, and does not say so. So the points are looked for once more before
//! their rows go: one call, which finds nothing unless somebody wrote in between.

use std::collections::HashMap;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::read_back::{ReadBack, read_vectors};
use super::target::Target;
use crate::job::intent::Vectors;
use crate::lease::Environment;
use crate::store::StoreError;
use crate::store::vector::PointId;
use crate::targets::Mapped;

/// How many of a memory's points had gone when one of them kept the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    None,
    Some,
}

/// The places of the memories whose rows stay.
pub(super) type Stopped = HashMap<usize, Went>;

/// Adds those memories with a row of which a point was not deleted because it says something else by now.
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
    let points = |target: &Target<'_>| {
        target
            .entry
            .seen
            .points
            .iter()
            .map(|point| point.id)
            .collect::<Vec<PointId>>()
    };
    let all: Vec<PointId> = rows.iter().flat_map(|(_, target)| points(target)).collect();
    if all.is_empty() {
        return Ok(());
    }
    let present = collection.present(&all);
    let present = env
        .call(mapped, StoreKind::Vector, StoreCall::ReadBack, present)
        .await?;
    let left = |target: &Target<'_>| points(target).iter().filter(|point| present.contains(point)).count();
    let rows: Vec<(usize, Target<'_>)> = rows
        .into_iter()
        .filter(|(_, target)| left(target) > 0)
        .map(|(place, target)| (place, *target))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (places, targets): (Vec<usize>, Vec<Target<'_>>) = rows.into_iter().unzip();
    let found = read_vectors(env, mapped, &targets).await?;
    for ((place, target), found) in places.into_iter().zip(&targets).zip(found) {
        // One that is there as it was is the job's, and is deleted again.
        if found == ReadBack::Changed {
            let all = left(target) == points(target).len();
            stopped.insert(place, if all { Went::None } else { Went::Some });
        }
    }
    Ok(())
}
