//! Deleting the points of crowds (memories with too many points to be listed): page by page, in constant memory.
//!
//! If the process dies in between, some points are gone and the row still exists: the next attempt deletes the rest.

use lethe_common::job::StoreKind;
use lethe_common::ledger::Fence;
use lethe_common::metrics::StoreCall;

use super::stopped::{Stopped, Went};
use super::target::Target;
use crate::holds::TableHolds;
use crate::job::held;
use crate::job::intent::Vectors;
use crate::job::resolve::{Crowd, Others, page_of_crowd};
use crate::lease::{Environment, Stop};
use crate::store::vector::PointId;
use crate::store::{Item, StoreError};
use crate::targets::Mapped;

/// Deletes crowds. Returns the positions of memories with a point that disagrees by now, or that a hold keeps by now.
/// The number of their deleted points is unknown.
pub(super) async fn delete(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
    fences: &[Fence],
    holds: &TableHolds,
) -> Result<Stopped, Stop> {
    let mut stopped = Stopped::new();
    let mut now = holds.clone();
    let crowds = targets
        .iter()
        .enumerate()
        .filter(|(_, target)| target.is_meant() && target.entry.vectors == Vectors::Crowd);
    for (place, target) in crowds {
        let Some(id) = &target.entry.id else { continue };
        let item = Item::new(id, target.conditions);
        let crowd = Crowd {
            item: &item,
            entry: target.entry,
        };
        let mut offset = None;
        let (mut asked, mut some) = (holds.revision(), target.entry.seen.went);
        loop {
            // Each page is two calls.
            env.keep(fences).await?;
            // A crowd may take minutes, and a hold must not wait for its end.
            now = env.holds_now(mapped, fences, now).await?;
            if now.revision() != asked {
                asked = now.revision();
                if let Some(by) = held::keeper(env, mapped, &now, target.entry).await? {
                    stopped.insert(place, Went::Held { some, by });
                    break;
                }
            }
            some = true;
            let (others, next) = delete_page(env, mapped, &crowd, offset).await?;
            if others.disagree {
                stopped.insert(place, Went::Some);
                break;
            }
            if next.is_none() {
                env.keep(fences).await?;
                // A deleting request skips points that changed meanwhile: this finds them.
                let left = page_of_crowd(env, mapped, &crowd, None, StoreCall::ReadBack).await?;
                if left.1.disagree {
                    stopped.insert(place, Went::Some);
                }
                break;
            }
            offset = next;
        }
    }
    Ok(stopped)
}

/// Deletes the points of a page unless one disagrees. Returns the offset of the next page.
async fn delete_page(
    env: &Environment,
    mapped: &Mapped,
    crowd: &Crowd<'_>,
    offset: Option<PointId>,
) -> Result<(Others, Option<PointId>), StoreError> {
    let (points, others, next) = page_of_crowd(env, mapped, crowd, offset, StoreCall::Find).await?;
    if let Some(collection) = mapped
        .vector()
        .await?
        .filter(|_| !points.is_empty() && !others.disagree)
    {
        let deleted = collection.delete_seen(&points);
        env.call(mapped, StoreKind::Vector, StoreCall::Delete, deleted).await?;
    }
    Ok((others, next))
}
