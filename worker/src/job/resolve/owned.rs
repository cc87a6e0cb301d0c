//! The rows of a memory in all tables whose vectors are in the same collection.

use std::sync::Arc;
use std::time::Instant;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::judge::Holder;
use crate::lease::Environment;
use crate::store::sql::{RowMatch, SqlTable};
use crate::store::{RowOwner, Spelling, StoreError};
use crate::targets::Mapped;

/// The row that has a memory's id.
#[derive(Clone)]
pub(crate) enum Owner {
    /// No row.
    Nobody,
    /// A row in the scope of its mapping, under any owner.
    Row,
    /// Only rows outside the scope of their mapping.
    Outside(Vec<(Arc<SqlTable>, RowOwner)>),
}

/// Returns for each id whether a mapped table that shares the collection has its row, under any owner.
pub(crate) async fn have_rows(env: &Environment, mapped: &Mapped, ids: &[&str]) -> Result<Vec<bool>, StoreError> {
    let owners = owners(env, mapped, ids).await?;
    let is_owned = |owner: Owner| !matches!(owner, Owner::Nobody);
    Ok(owners.into_iter().map(is_owned).collect())
}

/// Returns for each id its row in the mapped tables that share the collection.
pub(crate) async fn owners(env: &Environment, mapped: &Mapped, ids: &[&str]) -> Result<Vec<Owner>, StoreError> {
    let mut owners = vec![Owner::Nobody; ids.len()];
    if ids.is_empty() {
        return Ok(owners);
    }
    let own = match mapped.sql().await? {
        Some(table) => table.spellings().ids,
        None => Spelling::Exact,
    };
    for other in env.mappings.sharing(mapped) {
        ask_of(env, mapped, other, own, ids, &mut owners).await?;
    }
    Ok(owners)
}

/// Asks a table that shares the collection for the rows of these ids, spelled as `own`. An error of another target's
/// table is reported as that target's.
pub(super) async fn ask_of(
    env: &Environment,
    mapped: &Mapped,
    other: &Mapped,
    own: Spelling,
    ids: &[&str],
    owners: &mut [Owner],
) -> Result<(), StoreError> {
    let target = &other.route.target;
    if ids.is_empty() {
        return Ok(());
    }
    if *target == mapped.route.target {
        return ask(env, other, own, ids, owners).await;
    }
    if !env.breakers.may_ask(target, Instant::now()) {
        return Err(StoreError::Neighbour {
            target: target.clone(),
            error: None,
        });
    }
    let asked = ask(env, other, own, ids, owners).await;
    // Only the other target's breaker counts the error.
    asked.map_err(|error| error.of_neighbour(target))
}

/// Asks one more table for the rows of these ids, spelled as `own`.
async fn ask(
    env: &Environment,
    other: &Mapped,
    own: Spelling,
    ids: &[&str],
    owners: &mut [Owner],
) -> Result<(), StoreError> {
    let Some(table) = other.sql().await? else {
        return Ok(());
    };
    // Spellings of one id here may be several ids there, and each of them may have the point.
    let own = if table.spellings().ids == own {
        Spelling::Exact
    } else {
        own
    };
    let forms = ids.iter().enumerate();
    let forms: Vec<(usize, String)> = forms
        .flat_map(|(n, id)| own.forms(id).into_iter().map(move |form| (n, form)))
        .collect();
    let asked: Vec<&str> = forms.iter().map(|(_, form)| form.as_str()).collect();
    let found = table.find_ids(&asked);
    let found = env.call(other, StoreKind::Sql, StoreCall::Find, found).await?;
    for ((n, _), (found, seen)) in forms.iter().zip(found) {
        owners[*n].meet(&table, found, seen.whose);
    }
    Ok(())
}

/// Returns the rows in the form that is compared with points.
pub(super) fn holders(rows: &[(Arc<SqlTable>, RowOwner)]) -> Vec<Holder<'_>> {
    rows.iter().map(|(table, row)| (&**table, row)).collect()
}

impl Owner {
    /// Adds the answer of one more table.
    fn meet(&mut self, table: &Arc<SqlTable>, found: RowMatch, whose: RowOwner) {
        match (found, &mut *self) {
            (RowMatch::Absent, _) | (_, Self::Row) => {}
            (RowMatch::Matching | RowMatch::Other, _) => *self = Self::Row,
            (RowMatch::Outside, Self::Nobody) => *self = Self::Outside(vec![(Arc::clone(table), whose)]),
            (RowMatch::Outside, Self::Outside(rows)) => rows.push((Arc::clone(table), whose)),
        }
    }
}
