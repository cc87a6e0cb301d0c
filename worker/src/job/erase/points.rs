//! The effects on points that a query listed: there is no row to go by, so each is deleted, and read
//! back, by its own id and by what the query asks for.

use std::collections::HashSet;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::read_back::ReadBack;
use super::target::Target;
use crate::job::intent::Vectors;
use crate::job::matching;
use crate::lease::Environment;
use crate::store::vector::{PointId, VectorCollection};
use crate::store::{Conditions, StoreError};
use crate::targets::Mapped;

/// Returns which of the listed points are still what their job asks for, and nobody's: the batch may have
/// begun long ago, and what the store cannot be asked exactly is not in the deleting request.
pub(super) async fn still_meant(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
) -> Result<HashSet<PointId>, StoreError> {
    let mut still = HashSet::new();
    for (conditions, places) in groups(targets) {
        let points = points(targets, &places);
        let entries = matching::listed(env, mapped, conditions, &points, StoreCall::Find).await?;
        let meant = entries.into_iter().filter(|entry| entry.vectors == Vectors::Orphans);
        still.extend(meant.flat_map(|entry| entry.points));
    }
    Ok(still)
}

/// Deletes those of the listed points among the targets that are `still` meant, each only if it matches.
pub(super) async fn delete(
    env: &Environment,
    mapped: &Mapped,
    collection: &VectorCollection,
    targets: &[Target<'_>],
    still: &HashSet<PointId>,
) -> Result<(), StoreError> {
    for (conditions, places) in groups(targets) {
        let mut points = points(targets, &places);
        points.retain(|point| still.contains(point));
        let deleted = collection.delete_matching(&points, conditions);
        env.call(mapped, StoreKind::Vector, StoreCall::Delete, deleted).await?;
    }
    Ok(())
}

/// Looks at the listed points again: one that is there and matches was kept, or written since.
pub(super) async fn read_back(
    env: &Environment,
    mapped: &Mapped,
    collection: &VectorCollection,
    targets: &[Target<'_>],
    found: &mut [ReadBack],
) -> Result<(), StoreError> {
    for (conditions, places) in groups(targets) {
        let points = points(targets, &places);
        let sighted = collection.sight(&points, conditions);
        let sighted = env
            .call(mapped, StoreKind::Vector, StoreCall::ReadBack, sighted)
            .await?;
        for place in places {
            let there = targets[place]
                .entry
                .points
                .iter()
                .filter_map(|point| sighted.get(point));
            let (met, others): (Vec<_>, Vec<_>) = there.partition(|point| point.is_met);
            if !met.is_empty() {
                found[place] = ReadBack::Kept(met.iter().map(|point| point.id).collect());
            } else if !others.is_empty() {
                found[place] = ReadBack::Changed;
            }
        }
    }
    Ok(())
}

/// Returns the places of the listed points, those under the same conditions together.
fn groups<'a>(targets: &[Target<'a>]) -> Vec<(&'a Conditions, Vec<usize>)> {
    let mut groups: Vec<(&Conditions, Vec<usize>)> = Vec::new();
    let listed = targets
        .iter()
        .enumerate()
        .filter(|(_, target)| target.is_listed_point());
    for (place, target) in listed {
        // Those of a lease share theirs.
        match groups.last_mut() {
            Some((conditions, places)) if std::ptr::eq(*conditions, target.conditions) => places.push(place),
            _ => groups.push((target.conditions, vec![place])),
        }
    }
    groups
}

fn points(targets: &[Target<'_>], places: &[usize]) -> Vec<PointId> {
    places
        .iter()
        .flat_map(|place| targets[*place].entry.points.iter().copied())
        .collect()
}
