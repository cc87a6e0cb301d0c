//! Points that name one memory and have the id of another one, which has a row: nobody can say whose they are.

use crate::job::resolve::have_rows;
use crate::lease::Environment;
use crate::store::vector::Point;
use crate::store::{Spelling, StoreError};
use crate::targets::Mapped;

/// Marks those of the points that have the id of a memory with a row, and name another one.
pub(crate) async fn mark_contradicted<'a>(
    env: &Environment,
    mapped: &Mapped,
    points: impl Iterator<Item = &'a mut Point>,
) -> Result<(), StoreError> {
    let doubtful: Vec<&mut Point> = points.filter(|point| point.other.is_some()).collect();
    let others = doubtful.iter().filter_map(|point| point.other.as_deref());
    let owned = have_rows_in_any_form(env, mapped, others).await?;
    for (point, is_owned) in doubtful.into_iter().zip(owned) {
        point.is_foreign |= is_owned;
    }
    Ok(())
}

/// Returns for each id that a point's own id stands for whether it has a row. A row in a column of texts vouches for
/// its point however it writes the UUID.
pub(crate) async fn have_rows_in_any_form(
    env: &Environment,
    mapped: &Mapped,
    ids: impl Iterator<Item = &str>,
) -> Result<Vec<bool>, StoreError> {
    let forms: Vec<Vec<String>> = ids.map(|id| Spelling::Uuid.forms(id)).collect();
    let asked: Vec<&str> = forms.iter().flatten().map(String::as_str).collect();
    let mut found = have_rows(env, mapped, &asked).await?.into_iter();
    let owned = forms
        .iter()
        .map(|forms| found.by_ref().take(forms.len()).fold(false, |any, one| any | one));
    Ok(owned.collect())
}
