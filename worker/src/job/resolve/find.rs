//! The present points of memories, to check the effect of an erasure.

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::contradicted::mark_contradicted;
use crate::lease::Environment;
use crate::store::vector::{Point, VectorCollection};
use crate::store::{Item, StoreError};
use crate::targets::Mapped;

/// Returns the points of memories, in the order of `items`. A memory with too many points gets one page of them.
pub(crate) async fn points_of(
    env: &Environment,
    mapped: &Mapped,
    collection: &VectorCollection,
    items: &[Item],
    row_found: &[bool],
    call: StoreCall,
) -> Result<Vec<Vec<Point>>, StoreError> {
    let mut all = Vec::with_capacity(items.len());
    let mut n = items.len();
    while all.len() < items.len() {
        let from = all.len();
        let to = from.saturating_add(n).min(items.len());
        let found = collection.find(&items[from..to], &row_found[from..to]);
        match env.call(mapped, StoreKind::Vector, call, found).await? {
            Some(found) => all.extend(found),
            None if to - from > 1 => n = (to - from) / 2,
            None => {
                let page = collection.page_of_memory(&items[from], row_found[from], None);
                all.push(env.call(mapped, StoreKind::Vector, call, page).await?.0);
            }
        }
    }
    mark_contradicted(env, mapped, all.iter_mut().flatten()).await?;
    Ok(all)
}
