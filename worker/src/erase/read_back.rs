//! Reading the vectors of a batch back by id, so that one that a concurrent writer put back is found too.

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::effects::Target;
use super::points;
use crate::environment::Environment;
use crate::intent::{Entry, Vectors};
use crate::mapped::Mapped;
use crate::resolve::{Claim, Judge, points_of};
use crate::store::vector::{Point, PointId};
use crate::store::{Conditions, Item, StoreError};

/// What reading a memory's vectors back found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadBack {
    Gone,
    Kept(Vec<PointId>),
    /// It is there, but is not what was selected any more.
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
    let mut nameless: Vec<(usize, PointId)> = Vec::new();
    for (n, target) in targets.iter().enumerate() {
        if !target.is_meant() || target.is_listed_point() || !(target.entry.row || target.entry.vectors.go()) {
            continue;
        }
        match &target.entry.id {
            Some(id) => {
                places.push(n);
                items.push(Item::new(id, target.conditions));
                rows.push(target.entry.seen.row.is_some());
            }
            None => nameless.extend(target.entry.points.iter().map(|point| (n, *point))),
        }
    }
    if !items.is_empty() {
        let points = points_of(env, mapped, &collection, &items, &rows, StoreCall::ReadBack).await?;
        for (place, points) in places.into_iter().zip(points) {
            let target = &targets[place];
            found[place] = read_back(judge, target.entry, target.conditions, &points);
        }
    }
    if !nameless.is_empty() {
        let points: Vec<PointId> = nameless.iter().map(|(_, point)| *point).collect();
        let present = collection.present(&points);
        let present = env
            .call(mapped, StoreKind::Vector, StoreCall::ReadBack, present)
            .await?;
        for (n, point) in nameless.into_iter().filter(|(_, point)| present.contains(point)) {
            found[n] = ReadBack::Kept(vec![point]);
        }
    }
    points::read_back(env, mapped, &collection, targets, &mut found).await?;
    Ok(found)
}

/// Tells the points that are still a memory's from those that are somebody else's by now.
fn read_back(judge: Judge<'_>, entry: &Entry, conditions: &Conditions, points: &[Point]) -> ReadBack {
    let is_intended = |point: &Point| entry.vectors != Vectors::Crowd && entry.points.contains(&point.id);
    let is_kept = |point: &&Point| match &entry.seen.row {
        Some(row) => judge.agrees(Some(row), point),
        None => match judge.claim(conditions, point) {
            Claim::Met => true,
            // Its row vouched for it.
            Claim::Unknown => entry.row && is_intended(point),
            Claim::Anothers => false,
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
