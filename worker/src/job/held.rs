//! The memories of a batch that holds keep, as the stores answer now.
//!
//! The database decides about memories with a row, by the filter that the deleting statement has too. A memory without a
//! row is decided by its points. The answer says for certain only that a memory is free: every doubt keeps it.

use std::collections::{HashMap, HashSet};

use lethe_common::job::{Field, StoreKind};
use lethe_common::metrics::StoreCall;

use crate::holds::{Asking, Keeper, TableHolds};
use crate::job::intent::{Dropped, Entry, Vectors};
use crate::lease::Environment;
use crate::store::sql::RowMatch;
use crate::store::vector::PointId;
use crate::store::{Conditions, Item, StoreError};
use crate::targets::Mapped;

/// A memory, as holds ask about it.
#[derive(Clone)]
struct Memory<'a> {
    id: Option<&'a str>,
    /// Whether it had a row when the batch looked for it.
    has_row: bool,
    /// Whether that row has NULL for its owner or its workspace: a point may say it.
    is_unsaid: bool,
    /// The points that would be deleted.
    points: Vec<PointId>,
    /// Whether its points are too many to be listed.
    is_crowd: bool,
}

/// The answer about a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// No hold keeps it.
    Free,
    /// A hold keeps its row.
    Row,
    /// A hold keeps its points. It has no row now.
    Points,
    /// Its row is outside the mapping's scope by now.
    Outside,
}

impl Answer {
    fn is_kept(self) -> bool {
        matches!(self, Self::Row | Self::Points)
    }
}

impl<'a> Memory<'a> {
    fn of(entry: &'a Entry) -> Self {
        let has_row = entry.seen.row.is_some();
        let seen = entry.seen.points.iter().map(|point| point.id);
        // A listed point of a query was not read by itself.
        let listed = entry.points.iter().copied().filter(|_| !entry.row);
        Self {
            id: entry.id.as_deref(),
            has_row,
            is_unsaid: is_unsaid(entry),
            points: if entry.seen.points.is_empty() {
                listed.collect()
            } else {
                seen.collect()
            },
            is_crowd: entry.vectors == Vectors::Crowd,
        }
    }

    /// Returns a memory whose row alone is asked about.
    fn row(id: &'a str) -> Self {
        Self {
            id: Some(id),
            has_row: true,
            is_unsaid: false,
            points: Vec::new(),
            is_crowd: false,
        }
    }
}

/// Returns whether a row has NULL in the column of its owner or its workspace. It agrees with a point of any owner.
fn is_unsaid(entry: &Entry) -> bool {
    let decides = |field: Field| matches!(field, Field::User | Field::Workspace);
    let row = entry.seen.row.as_ref();
    row.is_some_and(|row| row.iter().any(|(field, value)| decides(field) && value.is_none()))
}

/// Makes the entries that a hold keeps drop out of their batch. Entries that dropped out before, or that have no effect,
/// stay as they are.
pub(crate) async fn mark(
    env: &Environment,
    mapped: &Mapped,
    holds: &TableHolds,
    entries: &mut [&mut Entry],
) -> Result<(), StoreError> {
    let Some(all) = holds.all() else {
        return Ok(());
    };
    let is_asked = |entry: &Entry| entry.seen.dropped.is_none() && (entry.row || entry.vectors.go());
    let places: Vec<usize> = (0..entries.len()).filter(|n| is_asked(entries[*n])).collect();
    let memories: Vec<Memory<'_>> = places.iter().map(|n| Memory::of(entries[*n])).collect();
    let answers = Box::pin(ask(env, mapped, all, &memories)).await?;
    let keepers = keepers(env, mapped, holds, &memories, &answers).await?;
    for ((place, answer), keeper) in places.into_iter().zip(answers).zip(keepers) {
        let seen = &mut entries[place].seen;
        seen.dropped = match answer {
            Answer::Free => None,
            Answer::Row | Answer::Outside if seen.went => Some(Dropped::Split),
            Answer::Row => Some(Dropped::Held),
            Answer::Points => Some(Dropped::HeldPoints),
            Answer::Outside => Some(Dropped::Changed),
        };
        seen.held_by = keeper;
    }
    Ok(())
}

/// Returns the hold that keeps a memory now, if one does.
pub(crate) async fn keeper(
    env: &Environment,
    mapped: &Mapped,
    holds: &TableHolds,
    entry: &Entry,
) -> Result<Option<Keeper>, StoreError> {
    let mut keepers = keepers_of(env, mapped, holds, &[Memory::of(entry)]).await?;
    Ok(keepers.pop().flatten())
}

/// Returns for each id the hold that keeps its row, if it has one that is kept.
pub(crate) async fn rows(
    env: &Environment,
    mapped: &Mapped,
    holds: &TableHolds,
    ids: &[&str],
) -> Result<Vec<Option<Keeper>>, StoreError> {
    let memories: Vec<Memory<'_>> = ids.iter().copied().map(Memory::row).collect();
    keepers_of(env, mapped, holds, &memories).await
}

async fn keepers_of(
    env: &Environment,
    mapped: &Mapped,
    holds: &TableHolds,
    memories: &[Memory<'_>],
) -> Result<Vec<Option<Keeper>>, StoreError> {
    match holds.all().filter(|_| !memories.is_empty()) {
        Some(all) => {
            let answers = Box::pin(ask(env, mapped, all, memories)).await?;
            keepers(env, mapped, holds, memories, &answers).await
        }
        None => Ok(vec![None; memories.len()]),
    }
}

/// Returns a hold for each memory that is kept. Each hold is asked about the memories that those before it do not keep.
async fn keepers(
    env: &Environment,
    mapped: &Mapped,
    holds: &TableHolds,
    memories: &[Memory<'_>],
    answers: &[Answer],
) -> Result<Vec<Option<Keeper>>, StoreError> {
    let mut keepers: Vec<Option<Keeper>> = vec![None; memories.len()];
    // The last one needs no question.
    let Some(((last, _), several)) = holds.each().split_last() else {
        return Ok(keepers);
    };
    let mut left: Vec<usize> = (0..answers.len()).filter(|n| answers[*n].is_kept()).collect();
    for (keeper, asking) in several {
        if left.is_empty() {
            break;
        }
        let asked: Vec<Memory<'_>> = left.iter().map(|n| memories[*n].clone()).collect();
        let found = Box::pin(ask(env, mapped, asking, &asked)).await?;
        for (n, _) in left.iter().zip(found).filter(|(_, answer)| answer.is_kept()) {
            keepers[*n] = Some(keeper.clone());
        }
        left.retain(|n| keepers[*n].is_none());
    }
    for n in left {
        keepers[n] = Some(last.clone());
    }
    Ok(keepers)
}

/// Asks the stores which memories are kept. The answer has the order of `memories`.
// Boxed by its callers: most batches meet no hold, and it would enlarge their futures.
async fn ask(
    env: &Environment,
    mapped: &Mapped,
    asking: &Asking,
    memories: &[Memory<'_>],
) -> Result<Vec<Answer>, StoreError> {
    let mut answers = vec![Answer::Free; memories.len()];
    let mut has_row: Vec<bool> = memories.iter().map(|memory| memory.has_row).collect();
    if let Some(free) = asking.free_rows() {
        ask_rows(env, mapped, free, memories, &mut answers, &mut has_row).await?;
    }
    if asking.keeps_points() {
        let is_orphan = |n: &usize| answers[*n] == Answer::Free && !has_row[*n];
        let orphans: Vec<usize> = (0..memories.len()).filter(is_orphan).collect();
        let free = asking.free_points();
        for n in ask_points(env, mapped, free, Some(asking), memories, &orphans).await? {
            answers[n] = Answer::Points;
        }
    }
    if let Some(free) = asking.free_beside() {
        let is_asked = |n: &usize| asking.asks_every_row() || memories[*n].is_unsaid;
        let is_row = |n: &usize| answers[*n] == Answer::Free && has_row[*n] && is_asked(n);
        let rows: Vec<usize> = (0..memories.len()).filter(is_row).collect();
        for n in ask_points(env, mapped, Some(free), None, memories, &rows).await? {
            answers[n] = Answer::Row;
        }
    }
    Ok(answers)
}

/// Asks about the memories with a row. A row may be gone by now.
async fn ask_rows(
    env: &Environment,
    mapped: &Mapped,
    free: &Conditions,
    memories: &[Memory<'_>],
    answers: &mut [Answer],
    has_row: &mut [bool],
) -> Result<(), StoreError> {
    let Some(table) = mapped.sql().await? else {
        return Ok(());
    };
    let (mut places, mut items) = (Vec::new(), Vec::new());
    for (n, memory) in memories.iter().enumerate().filter(|(_, memory)| memory.has_row) {
        if let Some(id) = memory.id {
            places.push(n);
            items.push(Item::new(id, free));
        }
    }
    if items.is_empty() {
        return Ok(());
    }
    let found = env
        .call(mapped, StoreKind::Sql, StoreCall::Find, table.find(&items))
        .await;
    let found = match found {
        Err(error) if is_unreadable(&error) => {
            tracing::error!(
                error.code = error.code().as_str(),
                target.name = mapped.route.target,
                table = mapped.route.table,
                "a hold cannot be compared with this table, and keeps all of it"
            );
            vec![RowMatch::Other; items.len()]
        }
        found => found?,
    };
    for (n, row) in places.into_iter().zip(found) {
        match row {
            RowMatch::Matching => {}
            RowMatch::Other => answers[n] = Answer::Row,
            RowMatch::Outside => answers[n] = Answer::Outside,
            RowMatch::Absent => has_row[n] = false,
        }
    }
    Ok(())
}

/// Returns whether a store refuses a filter. A hold that cannot be compared must keep everything.
pub(crate) fn is_unreadable(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Mistyped(_) | StoreError::Misuse(..) | StoreError::Unmapped { .. }
    )
}

/// Returns the positions, out of `places`, of the memories with an existing point that is kept: one that does not meet
/// the conditions of `free` points, or that `named` names.
async fn ask_points(
    env: &Environment,
    mapped: &Mapped,
    free: Option<&Conditions>,
    named: Option<&Asking>,
    memories: &[Memory<'_>],
    places: &[usize],
) -> Result<Vec<usize>, StoreError> {
    let Some(collection) = mapped.vector().await? else {
        return Ok(Vec::new());
    };
    // Of so many points none is read.
    let (crowds, listed): (Vec<usize>, Vec<usize>) = places.iter().partition(|n| memories[**n].is_crowd);
    let points: Vec<PointId> = listed
        .iter()
        .flat_map(|n| memories[*n].points.iter().copied())
        .collect();
    if points.is_empty() {
        return Ok(crowds);
    }
    let there: HashMap<PointId, bool> = if let Some(free) = free {
        let sighted = collection.sight(&points, free);
        let sighted = env.call(mapped, StoreKind::Vector, StoreCall::Find, sighted).await?;
        sighted.into_iter().map(|(id, point)| (id, point.is_met)).collect()
    } else {
        let present = collection.present(&points);
        let present: HashSet<PointId> = env.call(mapped, StoreKind::Vector, StoreCall::Find, present).await?;
        present.into_iter().map(|id| (id, true)).collect()
    };
    let is_kept = |n: &usize| {
        let memory = &memories[*n];
        let names_memory = named.is_some_and(|named| named.names(memory.id));
        let is_named = |point: PointId| names_memory || named.is_some_and(|named| named.names_point(point));
        let mut points = memory.points.iter();
        points.any(|point| there.get(point).is_some_and(|is_free| !is_free || is_named(*point)))
    };
    Ok(crowds.into_iter().chain(listed.into_iter().filter(is_kept)).collect())
}
