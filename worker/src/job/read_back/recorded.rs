//! What the job itself recorded: memories that changed, and memories that a hold keeps. They are no residue.
//!
//! A hold alone excuses nothing here. A memory that a hold keeps now, and that the job did not record, is residue once: the
//! next round records it. And a hold that was released meanwhile makes no residue of a recorded memory.

use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::ItemRow;
use lethe_common::metrics::StoreCall;

use crate::job::batch::recorded_as_held;
use crate::job::conditions::conditions;
use crate::job::held;
use crate::job::intent::{Dropped, Entry, Vectors};
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::store::sql::RowMatch as Row;
use crate::store::{Item, StoreError};
use crate::targets::Mapped;

/// Returns the number of rows that are `left`, less those that the job recorded with this outcome.
pub(super) async fn less(
    env: &Environment,
    mapped: &Mapped,
    lease: &LeaseGuard,
    mut left: u64,
    outcome: Outcome,
) -> Result<u64, Stop> {
    let conditions = conditions(lease);
    let (mut items, mut last): (Vec<ItemRow>, Option<String>) = (Vec::new(), None);
    while left > 0 {
        // Once a page: the number of recorded memories has no bound.
        lease.keep(env).await?;
        let size = env.config.worker.batch;
        let after = items.last().map(ItemRow::cursor).unwrap_or_default();
        let page = lease
            .ask(env, || env.ledger.items(lease.job.id, outcome.as_str(), after, size))
            .await?;
        if page.is_empty() {
            break;
        }
        items = page;
        let here = |item: &&ItemRow| item.store == StoreKind::Sql.as_str() && item.table == lease.route.table;
        let ids: Vec<String> = each_once(items.iter().filter(here), &mut last)
            .map(str::to_owned)
            .collect();
        // Another target may have a table of this name, with the same ids.
        let own = lease
            .ask(env, || env.ledger.recorded(lease, outcome, StoreKind::Sql, &ids))
            .await?;
        let own: Vec<Item> = own.into_iter().map(|id| Item::new(id, &conditions)).collect();
        left = left.saturating_sub(matching(env, mapped, &own).await?);
    }
    Ok(left)
}

/// Returns memories that are left, without what the job recorded as held. What nothing is left of, has neither a row nor
/// vectors.
pub(super) async fn less_held(
    env: &Environment,
    mapped: &Mapped,
    lease: &LeaseGuard,
    mut left: Vec<Entry>,
) -> Result<Vec<Entry>, Stop> {
    let ids: Vec<String> = left.iter().filter_map(|entry| entry.id.clone()).collect();
    let rows = recorded_as_held(env, lease, StoreKind::Sql, &ids).await?;
    let points = recorded_as_held(env, lease, StoreKind::Vector, &ids).await?;
    for entry in &mut left {
        let Some(id) = &entry.id else { continue };
        if rows.contains(id) {
            entry.row = false;
        }
        if rows.contains(id) || points.contains(id) {
            entry.vectors = Vectors::None;
        }
    }
    nameless(env, mapped, lease, &mut left).await?;
    Ok(left)
}

/// Makes the points without a known memory that a hold keeps unverifiable. No batch records them, and none erases them.
async fn nameless(env: &Environment, mapped: &Mapped, lease: &LeaseGuard, left: &mut [Entry]) -> Result<(), Stop> {
    let mut nameless: Vec<&mut Entry> = left.iter_mut().filter(|entry| entry.id.is_none()).collect();
    if nameless.is_empty() {
        return Ok(());
    }
    let holds = env.holds(mapped, &[lease.fence()]).await?;
    held::mark(env, mapped, &holds, &mut nameless).await?;
    for entry in nameless {
        if entry.seen.dropped == Some(Dropped::HeldPoints) {
            entry.vectors = Vectors::Unverifiable;
        }
    }
    Ok(())
}

/// Returns the ids of items, each id once. Each round that meets a memory adds an item, and the items of a memory
/// come one after the other. `last` is the last id of the page before, and becomes the last id of this page.
fn each_once<'i>(items: impl Iterator<Item = &'i ItemRow>, last: &mut Option<String>) -> impl Iterator<Item = &'i str> {
    items.map(|item| item.id.as_str()).filter(move |id| {
        let is_new = last.as_deref() != Some(*id);
        if is_new {
            *last = Some((*id).to_owned());
        }
        is_new
    })
}

/// Returns how many of these memories have a row under their conditions.
async fn matching(env: &Environment, mapped: &Mapped, items: &[Item]) -> Result<u64, StoreError> {
    let Some(table) = mapped.sql().await? else {
        return Ok(0);
    };
    let rows = env
        .call(mapped, StoreKind::Sql, StoreCall::ReadBack, table.find(items))
        .await?;
    let n = rows.iter().filter(|row| **row == Row::Matching).count();
    Ok(u64::try_from(n).expect("a length fits 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, ordinal: i64) -> ItemRow {
        ItemRow {
            id: id.to_owned(),
            table: "memories".to_owned(),
            store: StoreKind::Sql.as_str().to_owned(),
            outcome: Outcome::Conflicted.as_str().to_owned(),
            code: None,
            ordinal,
        }
    }

    #[test]
    fn a_memory_that_several_rounds_met_is_looked_for_once() {
        let pages = [[item("a", 0), item("a", 3)], [item("a", 7), item("b", 3)]];
        let mut last = None;
        let ids: Vec<&str> = pages
            .iter()
            .flat_map(|page| each_once(page.iter(), &mut last).collect::<Vec<_>>())
            .collect();
        assert_eq!(ids, ["a", "b"]);
    }
}
