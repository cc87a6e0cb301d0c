//! Contradicted points: they name one memory, and have the id of another one with a row. Their owner is unknown.

use super::owned::{Owner, ask_of};
use crate::lease::Environment;
use crate::store::vector::{Point, PointId, memory_of, point_of_row};
use crate::store::{Spelling, StoreError};
use crate::targets::Mapped;

/// Marks the points that have the id of a memory with a row, and name another one.
pub(crate) async fn mark_contradicted<'a>(
    env: &Environment,
    mapped: &Mapped,
    points: impl Iterator<Item = &'a mut Point>,
) -> Result<(), StoreError> {
    let named: Vec<&mut Point> = points.filter(|point| point.named.is_some()).collect();
    let pairs = named
        .iter()
        .filter_map(|point| Some((point.id, point.named.as_deref()?)));
    let contradicted = contradicted(env, mapped, &pairs.collect::<Vec<_>>()).await?;
    for (point, is_contradicted) in named.into_iter().zip(contradicted) {
        point.is_contradicted = is_contradicted;
    }
    Ok(())
}

/// Returns for each point, with the memory that it names, whether its own id is that of another memory with a row. Each
/// mapping that has rows and may own the point applies its own rule.
pub(crate) async fn contradicted(
    env: &Environment,
    mapped: &Mapped,
    points: &[(PointId, &str)],
) -> Result<Vec<bool>, StoreError> {
    let mut contradicted = vec![false; points.len()];
    for other in env.mappings.sharing(mapped) {
        let Some(collection) = &other.table.collection else {
            continue;
        };
        let own = points.iter().enumerate().filter_map(|(n, (point, named))| {
            let own = memory_of(collection.point, *point)?;
            (point_of_row(collection, named) != Some(*point)).then_some((n, own))
        });
        // A row in a column of texts matches its point in any spelling of the UUID.
        let forms = own.flat_map(|(n, own)| Spelling::Uuid.forms(&own).into_iter().map(move |form| (n, form)));
        let forms: Vec<(usize, String)> = forms.collect();
        let asked: Vec<&str> = forms.iter().map(|(_, form)| form.as_str()).collect();
        let mut owners = vec![Owner::Nobody; asked.len()];
        ask_of(env, mapped, other, Spelling::Exact, &asked, &mut owners).await?;
        for ((n, _), owner) in forms.iter().zip(owners) {
            contradicted[*n] |= !matches!(owner, Owner::Nobody);
        }
    }
    Ok(contradicted)
}
