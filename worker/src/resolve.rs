//! What the memories of a batch are in the stores at this moment.
//!
//! The one selector of the program: erasing acts on what it returns, a preview counts it, and
//! reading back expects it to be nothing.

use lethe_common::job::StoreKind;

use lethe_common::metrics::StoreCall;
use uuid::Uuid;

use crate::environment::Environment;
use crate::intent::{Entry, Vectors};
use crate::mapped::Mapped;
use crate::store::sql::Found;
use crate::store::vector::{Demands, Point};
use crate::store::{Item, Seen, StoreError};

/// Finds the memories of a batch in all stores of their mapping, under their conditions.
///
/// `listed` says that the ids have just been read from the table under the same conditions.
pub(crate) async fn resolve(
    env: &Environment,
    mapped: &Mapped,
    items: &[Item],
    listed: bool,
) -> Result<Vec<Entry>, StoreError> {
    let rows = match mapped.sql().await? {
        Some(_) if listed => items.iter().map(as_listed).collect(),
        Some(table) => {
            env.call(mapped, StoreKind::Sql, StoreCall::Find, table.find_rows(items))
                .await?
        }
        None => vec![(Found::Absent, Seen::default()); items.len()],
    };
    let mut entries: Vec<Entry> = items
        .iter()
        .zip(&rows)
        .map(|(item, (row, seen))| Entry {
            id: Some(item.id.clone()),
            row: *row == Found::Matching,
            points: Vec::new(),
            vectors: if seen.changed { Vectors::Changed } else { Vectors::None },
            version: seen.version,
            place: seen.place.clone(),
        })
        .collect();
    let Some(collection) = mapped.vector().await? else {
        return Ok(entries);
    };
    let matching: Vec<bool> = rows.iter().map(|(row, _)| *row == Found::Matching).collect();
    let points = env
        .call(
            mapped,
            StoreKind::Vector,
            StoreCall::Find,
            collection.find(items, &matching),
        )
        .await?;
    let mut orphans = Vec::new();
    for (n, points) in points.iter().enumerate().filter(|(_, points)| !points.is_empty()) {
        match rows[n].0 {
            Found::Matching => {
                entries[n].points = points.iter().map(|point| point.id).collect();
                entries[n].vectors = Vectors::OfRow;
            }
            // The row is another's, and so is the vector.
            Found::Other => {}
            Found::Absent => orphans.push(n),
        }
    }
    let ids: Vec<&str> = orphans.iter().map(|&n| items[n].id.as_str()).collect();
    let owned = have_rows(env, mapped, &ids).await?;
    for (n, _) in orphans.into_iter().zip(owned).filter(|(_, owned)| !owned) {
        adopt(&mut entries[n], &points[n]);
    }
    Ok(entries)
}

/// Returns what was seen of a row when it was listed.
fn as_listed(item: &Item) -> (Found, Seen) {
    let found = if item.changed { Found::Other } else { Found::Matching };
    (found, item.seen())
}

/// Decides about the points of a memory that has no row anywhere.
fn adopt(entry: &mut Entry, points: &[Point]) {
    let met: Vec<_> = points
        .iter()
        .filter(|point| point.demands == Demands::Met)
        .map(|point| point.id)
        .collect();
    if !met.is_empty() {
        entry.points = met;
        entry.vectors = Vectors::Orphans;
    } else if points.iter().any(|point| point.demands == Demands::Unmapped) {
        entry.vectors = Vectors::Unverifiable;
    }
}

/// Returns for each id whether any mapped table that shares the collection has its row, whoever
/// owns it.
pub(crate) async fn have_rows(env: &Environment, mapped: &Mapped, ids: &[&str]) -> Result<Vec<bool>, StoreError> {
    let mut owned = vec![false; ids.len()];
    if ids.is_empty() {
        return Ok(owned);
    }
    let by_value = match mapped.sql().await? {
        Some(table) => table.has_uuid_ids(),
        None => false,
    };
    for other in env.mappings.sharing(mapped) {
        if let Some(table) = other.sql().await? {
            let mut spellings = vec![ids.to_vec()];
            let others: Vec<String>;
            if by_value && !table.has_uuid_ids() {
                // A point may be found by either, and there they are two ids.
                others = ids.iter().map(|id| other_spelling(id)).collect();
                spellings.push(others.iter().map(String::as_str).collect());
            }
            for ids in spellings {
                let found = env
                    .call(other, StoreKind::Sql, StoreCall::Find, table.exists(&ids))
                    .await?;
                owned.iter_mut().zip(found).for_each(|(owned, found)| *owned |= found);
            }
        }
    }
    Ok(owned)
}

/// Returns a UUID with hyphens as one without, and the other way round; what is none as it is.
fn other_spelling(id: &str) -> String {
    match Uuid::try_parse(id) {
        Ok(uuid) if id.contains('-') => uuid.simple().to_string(),
        Ok(uuid) => uuid.to_string(),
        Err(_) => id.to_owned(),
    }
}
