//! Points that name one memory and have the id of another one, which has a row: nobody can say whose they are.

use crate::job::resolve::have_rows;
use crate::lease::Environment;
use crate::store::StoreError;
use crate::store::vector::Point;
use crate::targets::Mapped;

/// Marks those of the points that have the id of a memory with a row, and name another one.
pub(crate) async fn mark_contradicted<'a>(
    env: &Environment,
    mapped: &Mapped,
    points: impl Iterator<Item = &'a mut Point>,
) -> Result<(), StoreError> {
    let doubtful: Vec<&mut Point> = points.filter(|point| point.other.is_some()).collect();
    let others: Vec<&str> = doubtful.iter().filter_map(|point| point.other.as_deref()).collect();
    let owned = have_rows(env, mapped, &others).await?;
    for (point, is_owned) in doubtful.into_iter().zip(owned) {
        point.is_foreign |= is_owned;
    }
    Ok(())
}
