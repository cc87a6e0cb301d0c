//! Deleting the points of memories that have too many of them to be listed: page by page, in constant memory.
//!
//! If the process dies in between, part of the points are gone, and the row is still there: the next attempt goes
//! through what is left.

use lethe_common::job::StoreKind;
use lethe_common::ledger::Lease;
use lethe_common::metrics::StoreCall;

use super::effects::Target;
use crate::environment::Environment;
use crate::intent::Vectors;
use crate::mapped::Mapped;
use crate::resolve::{Crowd, page_of_crowd};
use crate::store::vector::PointId;
use crate::store::{Item, StoreError};
use crate::task::Stop;

pub(super) async fn delete(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
    leases: &mut Vec<Lease>,
) -> Result<Result<(), StoreError>, Stop> {
    let held = leases.len();
    let crowds = targets
        .iter()
        .filter(|target| target.is_meant() && target.entry.vectors == Vectors::Crowd);
    for target in crowds {
        let Some(id) = &target.entry.id else { continue };
        let item = Item::new(id, target.conditions);
        let crowd = Crowd {
            item: &item,
            entry: target.entry,
        };
        let mut offset = None;
        loop {
            // Each page is two calls.
            env.keep(leases).await?;
            if leases.len() < held {
                return Err(Stop::Lost);
            }
            match delete_page(env, mapped, &crowd, offset).await {
                Ok(None) => break,
                Ok(next) => offset = next,
                Err(error) => return Ok(Err(error)),
            }
        }
    }
    Ok(Ok(()))
}

/// Deletes the points of a page, and returns where the next one begins.
async fn delete_page(
    env: &Environment,
    mapped: &Mapped,
    crowd: &Crowd<'_>,
    offset: Option<PointId>,
) -> Result<Option<PointId>, StoreError> {
    let (points, _, next) = page_of_crowd(env, mapped, crowd, offset, StoreCall::Find).await?;
    if let Some(collection) = mapped.vector().await?.filter(|_| !points.is_empty()) {
        let deleted = collection.delete_seen(&points);
        env.call(mapped, StoreKind::Vector, StoreCall::Delete, deleted).await?;
    }
    Ok(next)
}
