//! Deleting rows. They are deleted last, since a row is the last handle on a memory.
//!
//! The deleting statement has the job's conditions, and leaves the rows that a hold keeps.

use std::collections::HashMap;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::batch_part::{BatchPart, fences};
use super::dependents;
use super::memory_outcome::Row;
use super::stopped::Stopped;
use super::target::{Target, targets};
use crate::holds::{Keeper, TableHolds};
use crate::job::held;
use crate::lease::{Environment, Stop};
use crate::store::sql::{self, Deletion, SqlTable};
use crate::store::{Conditions, Item, RowOwner, StoreError};
use crate::targets::Mapped;

/// Deletes the rows of a batch, except at the `stopped` positions, and returns the result of each. Adds the deleted
/// dependents' rows to the intents. The batch was admitted under `holds`, and those of this moment count too.
pub(super) async fn delete(
    env: &Environment,
    mapped: &Mapped,
    parts: &mut [BatchPart],
    stopped: &Stopped,
    holds: &TableHolds,
) -> Result<Vec<Row>, Stop> {
    let fences = fences(parts);
    env.keep(&fences).await?;
    let now = env.holds_now(mapped, &fences, holds.clone()).await?;
    let mut rows = vec![Row::None; parts.iter().map(|part| part.intent.entries.len()).sum()];
    let mut taken = sql::Taken::new();
    if let Some(table) = mapped.sql().await? {
        let targets = targets(parts);
        let mut intended = intended(&targets, stopped);
        if now.revision() != holds.revision() {
            keep(env, mapped, &now, &mut intended, &mut rows).await?;
        }
        let narrowed: Vec<Conditions> = parts.iter().map(|part| now.narrow(&part.conditions)).collect();
        for row in &mut intended {
            row.item.conditions = narrowed[row.part].clone();
        }
        match delete_intended(env, mapped, &table, &intended, &mut rows).await {
            Err(error) if held::is_unreadable(&error) && now.all().is_some() => {
                refused(env, mapped, &table, &mut intended, &mut rows).await?;
                keep(env, mapped, &now, &mut intended, &mut rows).await?;
                if !intended.is_empty() {
                    // It is not the holds' fault.
                    return Err(error.into());
                }
            }
            deleted => taken = deleted?,
        }
        intended.retain(|row| rows[row.place] == Row::DroppedOut);
        keep(env, mapped, &now, &mut intended, &mut rows).await?;
    }
    if !mapped.table.dependents.is_empty() {
        dependents::count(parts, &rows, taken);
    }
    Ok(rows)
}

/// A row to delete.
struct Intended {
    /// The position of its memory in the batch.
    place: usize,
    /// The position of its part.
    part: usize,
    item: Item,
}

fn intended(targets: &[Target<'_>], stopped: &Stopped) -> Vec<Intended> {
    let places = targets.iter().enumerate();
    let meant = places.filter(|(place, target)| target.entry.row && target.is_meant() && !stopped.contains_key(place));
    let intended = meant.filter_map(|(place, target)| {
        let item = Item {
            id: target.entry.id.clone()?,
            conditions: target.conditions.clone(),
            // Only a query checks the version. Other jobs delete a memory in any version.
            version: target.entry.version.filter(|_| target.conditions.query.is_some()),
            place: target.entry.seen.place.clone(),
            changed: false,
            whose: RowOwner::default(),
        };
        Some(Intended {
            place,
            part: target.part,
            item,
        })
    });
    intended.collect()
}

/// Takes the rows that a hold keeps out of the list, and notes their results.
async fn keep(
    env: &Environment,
    mapped: &Mapped,
    holds: &TableHolds,
    intended: &mut Vec<Intended>,
    rows: &mut [Row],
) -> Result<(), StoreError> {
    let ids: Vec<&str> = intended.iter().map(|row| row.item.id.as_str()).collect();
    let keepers = held::rows(env, mapped, holds, &ids).await?;
    let places = intended.iter().map(|row| row.place);
    let kept = places.zip(keepers).filter_map(|(place, keeper)| Some((place, keeper?)));
    let kept: HashMap<usize, Keeper> = kept.collect();
    intended.retain(|row| !kept.contains_key(&row.place));
    for (place, keeper) in kept {
        rows[place] = Row::Held(keeper);
    }
    Ok(())
}

/// Notes which rows do not exist, after the database refused the statement, and takes them out of the list.
async fn refused(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    intended: &mut Vec<Intended>,
    rows: &mut [Row],
) -> Result<(), StoreError> {
    let ids: Vec<&str> = intended.iter().map(|row| row.item.id.as_str()).collect();
    let there = env
        .call(mapped, StoreKind::Sql, StoreCall::Find, table.exists(&ids))
        .await?;
    let mut there = there.into_iter();
    intended.retain(|row| {
        let is_there = there.next().unwrap_or(true);
        if !is_there {
            rows[row.place] = Row::Gone;
        }
        is_there
    });
    Ok(())
}

async fn delete_intended(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    intended: &[Intended],
    rows: &mut [Row],
) -> Result<sql::Taken, StoreError> {
    if intended.is_empty() {
        return Ok(sql::Taken::new());
    }
    let items: Vec<Item> = intended.iter().map(|row| row.item.clone()).collect();
    let parts: Vec<usize> = intended.iter().map(|row| row.part).collect();
    let delete = table.delete_shares(&items, &parts);
    let Deletion {
        deleted,
        refused,
        dependents,
    } = env.call(mapped, StoreKind::Sql, StoreCall::Delete, delete).await?;
    for (n, row) in intended.iter().enumerate() {
        rows[row.place] = match refused.get(&n) {
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
            rows[intended[n].place] = Row::DroppedOut;
        }
    }
    Ok(dependents)
}
