//! Reading the vectors of a batch back by id, which also finds a vector that a concurrent writer put back.

use std::collections::HashMap;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::points;
use super::target::Target;
use crate::job::intent::{Entry, Vectors};
use crate::job::resolve::{Claim, Judge, mark_contradicted, points_of};
use crate::lease::Environment;
use crate::store::vector::{Point, PointId};
use crate::store::{Conditions, Item, StoreError};
use crate::targets::Mapped;

/// The result of reading a memory's vectors back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadBack {
    Gone,
    Kept(Vec<PointId>),
    /// A point exists, but is no longer selected.
    Changed,
}

pub(super) async fn read_vectors(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
) -> Result<Vec<ReadBack>, StoreError> {
    let mut found = vec![ReadBack::Gone; targets.len()];
    let Some(collection) = mapped.vector().await? else {
        return Ok(found);
    };
    let table = mapped.sql().await?;
    let judge = Judge::new(table.as_deref());
    let (mut places, mut items, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut alone: Vec<usize> = Vec::new();
    for (n, target) in targets.iter().enumerate() {
        if !target.is_meant() || target.is_listed_point() || !(target.entry.row || target.entry.vectors.go()) {
            continue;
        }
        match &target.entry.id {
            Some(id) if target.entry.vectors != Vectors::Alone => {
                places.push(n);
                items.push(Item::new(id, target.conditions));
                rows.push(target.entry.seen.row.is_some());
            }
            _ => alone.push(n),
        }
    }
    if !items.is_empty() {
        let points = points_of(env, mapped, &collection, &items, &rows, StoreCall::ReadBack).await?;
        for (place, points) in places.into_iter().zip(points) {
            let target = &targets[place];
            found[place] = read_back(judge, target.entry, target.conditions, &points);
        }
    }
    // All points of such a batch belong to one job.
    if let Some(conditions) = alone.first().map(|n| targets[*n].conditions) {
        let points = alone.iter().flat_map(|n| targets[*n].entry.points.iter().copied());
        let points: Vec<PointId> = points.collect();
        let seen = collection.see(&points, conditions);
        let mut seen = env.call(mapped, StoreKind::Vector, StoreCall::ReadBack, seen).await?;
        mark_contradicted(env, mapped, seen.iter_mut()).await?;
        let seen: HashMap<PointId, Point> = seen.into_iter().map(|point| (point.id, point)).collect();
        for n in alone {
            let there = targets[n].entry.points.iter().filter_map(|point| seen.get(point));
            let (kept, others): (Vec<&Point>, Vec<&Point>) =
                there.partition(|point| judge.claim(conditions, point) == Claim::Met);
            if !kept.is_empty() {
                found[n] = ReadBack::Kept(kept.into_iter().map(|point| point.id).collect());
            } else if !others.is_empty() {
                found[n] = ReadBack::Changed;
            }
        }
    }
    points::read_back(env, mapped, &collection, targets, &mut found).await?;
    Ok(found)
}

/// Separates the points that are still a memory's from points of another owner.
fn read_back(judge: Judge<'_>, entry: &Entry, conditions: &Conditions, points: &[Point]) -> ReadBack {
    // All points of a crowd were read, but the entry does not list them.
    let is_intended = |point: &Point| entry.vectors == Vectors::Crowd || entry.points.contains(&point.id);
    let is_kept = |point: &&Point| match &entry.seen.row {
        Some(row) => judge.agrees(Some(row), point),
        None => match judge.claim(conditions, point) {
            Claim::Met => true,
            // Its row, which is deleted by now, had matched it.
            Claim::Unknown => entry.row && is_intended(point) && judge.is_silent(conditions, point),
            Claim::Foreign => false,
        },
    };
    let kept: Vec<PointId> = points.iter().filter(is_kept).map(|point| point.id).collect();
    if !kept.is_empty() {
        ReadBack::Kept(kept)
    } else if points.iter().any(is_intended) {
        ReadBack::Changed
    } else {
        ReadBack::Gone
    }
}
