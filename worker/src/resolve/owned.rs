//! Whether a memory has a row in any of the tables whose vectors are in the same collection.

use std::sync::Arc;
use std::time::Instant;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;
use uuid::Uuid;

use super::judge::Holder;
use crate::environment::Environment;
use crate::mapped::Mapped;
use crate::store::sql::{Found, SqlTable};
use crate::store::{RowOwner, StoreError};

/// Which row has a memory's id.
#[derive(Clone)]
pub(crate) enum Owner {
    /// None.
    Nobody,
    /// One in the scope of its mapping, whoever owns it.
    Row,
    /// Only such that are outside the scope of their mapping.
    Outside(Vec<(Arc<SqlTable>, RowOwner)>),
}

/// Returns for each id whether any mapped table that shares the collection has its row, whoever
/// owns it.
pub(crate) async fn have_rows(env: &Environment, mapped: &Mapped, ids: &[&str]) -> Result<Vec<bool>, StoreError> {
    let owners = owners(env, mapped, ids).await?;
    let is_owned = |owner: Owner| !matches!(owner, Owner::Nobody);
    Ok(owners.into_iter().map(is_owned).collect())
}

/// Returns for each id which row of the mapped tables that share the collection has it.
pub(crate) async fn owners(env: &Environment, mapped: &Mapped, ids: &[&str]) -> Result<Vec<Owner>, StoreError> {
    let mut owners = vec![Owner::Nobody; ids.len()];
    if ids.is_empty() {
        return Ok(owners);
    }
    let by_value = match mapped.sql().await? {
        Some(table) => table.has_uuid_ids(),
        None => false,
    };
    for other in env.mappings.sharing(mapped) {
        let target = &other.route.target;
        if *target == mapped.route.target {
            ask(env, other, by_value, ids, &mut owners).await?;
        } else if env.breakers.may_ask(target, Instant::now()) {
            // Its fault is not this target's: no breaker but its own counts it.
            ask(env, other, by_value, ids, &mut owners)
                .await
                .map_err(|error| error.of_neighbour(target))?;
        } else {
            return Err(StoreError::Neighbour {
                target: target.clone(),
                error: None,
            });
        }
    }
    Ok(owners)
}

/// Asks one more table for the rows of these ids.
async fn ask(
    env: &Environment,
    other: &Mapped,
    by_value: bool,
    ids: &[&str],
    owners: &mut [Owner],
) -> Result<(), StoreError> {
    let Some(table) = other.sql().await? else {
        return Ok(());
    };
    let mut spellings = vec![ids.to_vec()];
    let others: Vec<String>;
    if by_value && !table.has_uuid_ids() {
        // A point may be found by either, and there they are two ids.
        others = ids.iter().map(|id| other_spelling(id)).collect();
        spellings.push(others.iter().map(String::as_str).collect());
    }
    for ids in spellings {
        let found = env
            .call(other, StoreKind::Sql, StoreCall::Find, table.find_ids(&ids))
            .await?;
        for (owner, (found, seen)) in owners.iter_mut().zip(found) {
            owner.meet(&table, found, seen.whose);
        }
    }
    Ok(())
}

/// Returns the rows as they are compared with points.
pub(super) fn holders(rows: &[(Arc<SqlTable>, RowOwner)]) -> Vec<Holder<'_>> {
    rows.iter().map(|(table, row)| (&**table, row)).collect()
}

impl Owner {
    /// Adds what a look into one more table found.
    fn meet(&mut self, table: &Arc<SqlTable>, found: Found, whose: RowOwner) {
        match (found, &mut *self) {
            (Found::Absent, _) | (_, Self::Row) => {}
            (Found::Matching | Found::Other, _) => *self = Self::Row,
            (Found::Outside, Self::Nobody) => *self = Self::Outside(vec![(Arc::clone(table), whose)]),
            (Found::Outside, Self::Outside(rows)) => rows.push((Arc::clone(table), whose)),
        }
    }
}

/// Returns a UUID with hyphens as one without, and the other way round; what is none as it is.
fn other_spelling(id: &str) -> String {
    match Uuid::try_parse(id) {
        Ok(uuid) if id.contains('-') => uuid.simple().to_string(),
        Ok(uuid) => uuid.to_string(),
        Err(_) => id.to_owned(),
    }
}
