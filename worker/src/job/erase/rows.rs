//! Deleting rows. They are deleted last, since a row is the last handle on a memory.

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::batch_part::{BatchPart, fences};
use super::dependents;
use super::memory_outcome::Row;
use super::stopped::Stopped;
use super::target::{Target, targets};
use crate::lease::{Environment, Stop};
use crate::store::sql::{self, Deletion};
use crate::store::{Item, RowOwner, StoreError};
use crate::targets::Mapped;

/// Deletes the rows of a batch, except at the `stopped` positions, and returns the result of each. Adds the deleted
/// dependents' rows to the intents.
pub(super) async fn delete(
    env: &Environment,
    mapped: &Mapped,
    parts: &mut [BatchPart],
    stopped: &Stopped,
) -> Result<Vec<Row>, Stop> {
    env.keep(&fences(parts)).await?;
    let (rows, taken) = delete_intended(env, mapped, &targets(parts), stopped).await?;
    if !mapped.table.dependents.is_empty() {
        dependents::count(parts, &rows, taken);
    }
    Ok(rows)
}

async fn delete_intended(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
    stopped: &Stopped,
) -> Result<(Vec<Row>, sql::Taken), StoreError> {
    let mut rows = vec![Row::None; targets.len()];
    let Some(table) = mapped.sql().await? else {
        return Ok((rows, sql::Taken::new()));
    };
    let intended: Vec<(usize, Item)> = targets
        .iter()
        .enumerate()
        .filter(|(place, target)| target.entry.row && target.is_meant() && !stopped.contains_key(place))
        .filter_map(|(n, target)| {
            Some((
                n,
                Item {
                    id: target.entry.id.clone()?,
                    conditions: target.conditions.clone(),
                    // Only a query checks the version. Other jobs delete a memory in any version.
                    version: target.entry.version.filter(|_| target.conditions.query.is_some()),
                    place: target.entry.seen.place.clone(),
                    changed: false,
                    whose: RowOwner::default(),
                },
            ))
        })
        .collect();
    if intended.is_empty() {
        return Ok((rows, sql::Taken::new()));
    }
    let items: Vec<Item> = intended.iter().map(|(_, item)| item.clone()).collect();
    let parts: Vec<usize> = intended.iter().map(|(n, _)| targets[*n].part).collect();
    let delete = table.delete_shares(&items, &parts);
    let Deletion {
        deleted,
        refused,
        dependents,
    } = env.call(mapped, StoreKind::Sql, StoreCall::Delete, delete).await?;
    for (n, (target, _)) in intended.iter().enumerate() {
        rows[*target] = match refused.get(&n) {
            Some(error) => Row::Refused(error.code()),
            None if deleted[n] => Row::Deleted,
            None => Row::Gone,
        };
    }
    let missing = (0..items.len()).filter(|n| !deleted[*n] && !refused.contains_key(n));
    let missing: Vec<usize> = missing.collect();
    if !missing.is_empty() {
        let ids: Vec<&str> = missing.iter().map(|&n| items[n].id.as_str()).collect();
        let there = env
            .call(mapped, StoreKind::Sql, StoreCall::Find, table.exists(&ids))
            .await?;
        for (n, _) in missing.into_iter().zip(there).filter(|(_, there)| *there) {
            rows[intended[n].0] = Row::DroppedOut;
        }
    }
    Ok((rows, dependents))
}
