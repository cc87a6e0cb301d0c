//! Deleting vectors. They are deleted before the rows and read back by id afterwards, which finds vectors that were
//! written in between.

use std::collections::HashSet;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::batch_part::{BatchPart, fences};
use super::read_back::{ReadBack, read_vectors};
use super::stopped::{self, Stopped};
use super::target::{Target, targets};
use super::{crowds, dependents, points};
use crate::holds::TableHolds;
use crate::lease::{Environment, Stop};
use crate::store::StoreError;
use crate::store::vector::{Point, PointId};
use crate::targets::Mapped;

/// Deletes the vectors of a batch, under the `holds` that it was admitted with. Returns the positions of memories whose
/// points disagree by now, or whose crowd is held by now: their rows stay.
pub(super) async fn delete(
    env: &Environment,
    mapped: &Mapped,
    parts: &[BatchPart],
    holds: &TableHolds,
) -> Result<Stopped, Stop> {
    let (fences, targets) = (fences(parts), targets(parts));
    // Before each effect: its time limit must fit into the rest of every lease.
    env.keep(&fences).await?;
    let still = points::still_meant(env, mapped, &targets).await?;
    env.keep(&fences).await?;
    delete_seen(env, mapped, &targets, &still).await?;
    let mut stopped = crowds::delete(env, mapped, &targets, &fences, holds).await?;
    env.keep(&fences).await?;
    stopped::look(env, mapped, &targets, &mut stopped).await?;
    Ok(stopped)
}

/// Reads the vectors of a batch back.
pub(super) async fn check(env: &Environment, mapped: &Mapped, parts: &[BatchPart]) -> Result<Vec<ReadBack>, Stop> {
    env.keep(&fences(parts)).await?;
    match read_vectors(env, mapped, &targets(parts)).await {
        Ok(found) => Ok(found),
        Err(error) => {
            // The rows are deleted, and only this task knows the deleted rows of dependents.
            dependents::remember(env, parts).await?;
            Err(error.into())
        }
    }
}

/// Deletes the points that were read, each only if it is unchanged.
async fn delete_seen(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
    still: &HashSet<PointId>,
) -> Result<(), StoreError> {
    let Some(collection) = mapped.vector().await? else {
        return Ok(());
    };
    points::delete(env, mapped, &collection, targets, still).await?;
    let seen: Vec<Point> = targets
        .iter()
        .filter(|target| target.is_meant() && !target.is_listed_point())
        .flat_map(|target| target.entry.seen.points.iter().cloned())
        .collect();
    if seen.is_empty() {
        return Ok(());
    }
    let deleted = collection.delete_seen(&seen);
    env.call(mapped, StoreKind::Vector, StoreCall::Delete, deleted).await
}
