//! Deleting listed points of a query. They have no row, so each one is deleted, and read back, by its own
//! id and the query's conditions.

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

/// Returns the listed points that still match the query and have no row. The batch may be old, and the
/// deleting request lacks conditions that the store cannot express exactly.
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

/// Deletes the listed points that are in `still`, each only if it matches.
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

/// Reads the listed points back: a point that exists and matches was kept, or written since.
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

/// Returns the positions of the listed points that are still the job's, grouped by conditions.
fn groups<'a>(targets: &[Target<'a>]) -> Vec<(&'a Conditions, Vec<usize>)> {
    let mut groups: Vec<(&Conditions, Vec<usize>)> = Vec::new();
    let listed = targets
        .iter()
        .enumerate()
        .filter(|(_, target)| target.is_meant() && target.is_listed_point());
    for (place, target) in listed {
        // The points of a lease share their conditions.
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
