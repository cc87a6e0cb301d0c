//! Checking an intent that another attempt wrote: its memories may belong to another owner now.
//!
//! A memory that is no longer the job's drops out before any effect. A memory that an earlier attempt may have erased
//! counts as erased.

use std::collections::{HashMap, HashSet};

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use super::batch_part::{BatchPart, fences};
use crate::job::intent::{Dropped, Entry, Seen, Vectors};
use crate::job::resolve::{Claim, Judge, have_rows, mark_contradicted, resolve};
use crate::lease::{Environment, Stop};
use crate::store::vector::{Point, PointId};
use crate::store::{Conditions, Item, StoreError};
use crate::targets::Mapped;

/// Checks the parts that this attempt did not begin.
pub(super) async fn look_again(env: &Environment, mapped: &Mapped, parts: &mut [BatchPart]) -> Result<(), Stop> {
    let fences = fences(parts);
    for part in parts.iter_mut().filter(|part| !part.fresh) {
        let conditions = &part.conditions;
        let is_query = conditions.query.is_some();
        // A listed point is checked by itself, on every attempt.
        let mut entries: Vec<&mut Entry> = part
            .intent
            .entries
            .iter_mut()
            .filter(|entry| entry.row || (entry.vectors.go() && !is_query))
            .collect();
        let named: Vec<Item> = entries.iter().filter_map(|entry| item(entry, conditions)).collect();
        let mut now = Vec::with_capacity(named.len());
        while now.len() < named.len() {
            env.keep(&fences).await?;
            now.extend(resolve(env, mapped, &named[now.len()..], false, &fences).await?);
        }
        let points = sight(env, mapped, conditions, &entries).await?;
        let mut now = now.into_iter();
        for entry in &mut entries {
            let is_named = entry.id.is_some() && entry.vectors != Vectors::Alone;
            let now = is_named.then(|| now.next()).flatten();
            compare(entry, now, &points);
            if is_query && entry.row && entry.seen.row.is_none() {
                // A vector without a row matches no query. It may be new: it is reported, and stays.
                entry.seen.points.clear();
            }
        }
    }
    Ok(())
}

fn item(entry: &Entry, conditions: &Conditions) -> Option<Item> {
    if entry.vectors == Vectors::Alone {
        return None;
    }
    let item = Item::new(entry.id.clone()?, conditions);
    Some(Item {
        version: entry.version.filter(|_| conditions.query.is_some()),
        ..item
    })
}

/// The points of an intent that still exist.
#[derive(Default)]
struct Sight {
    there: HashMap<PointId, Sighted>,
    /// The memories of points that stand alone and have a row now.
    owned: HashSet<String>,
}

/// A point that still exists.
struct Sighted {
    point: Point,
    /// The memory that its payload names, in the collection's spelling.
    memory: Option<String>,
    is_met: bool,
    /// Whether nothing in it contradicts the job.
    is_silent: bool,
}

/// Reads the points that the intent names.
async fn sight(
    env: &Environment,
    mapped: &Mapped,
    conditions: &Conditions,
    entries: &[&mut Entry],
) -> Result<Sight, StoreError> {
    let mut sight = Sight::default();
    let Some(collection) = mapped.vector().await? else {
        return Ok(sight);
    };
    let table = mapped.sql().await?;
    let judge = Judge::new(table.as_deref());
    let points: Vec<PointId> = entries.iter().flat_map(|entry| entry.points.iter().copied()).collect();
    let seen = collection.see(&points, conditions);
    let mut seen = env.call(mapped, StoreKind::Vector, StoreCall::Find, seen).await?;
    mark_contradicted(env, mapped, seen.iter_mut()).await?;
    for point in seen {
        let sighted = Sighted {
            memory: point.memory.as_deref().map(|memory| collection.spelled(memory)),
            is_met: judge.claim(conditions, &point) == Claim::Met,
            is_silent: judge.is_silent(conditions, &point),
            point,
        };
        sight.there.insert(sighted.point.id, sighted);
    }
    let alone = entries.iter().filter(|entry| entry.vectors == Vectors::Alone);
    let ids: Vec<&str> = alone.filter_map(|entry| entry.id.as_deref()).collect();
    let owned = have_rows(env, mapped, &ids).await?;
    let owned = ids.iter().zip(owned).filter(|(_, owned)| *owned);
    sight.owned = owned.map(|(id, _)| (*id).to_owned()).collect();
    for entry in entries {
        // The memory in the payload is compared with the intended one.
        let spelled = entry.id.as_deref().map(|id| collection.spelled(id));
        for point in &entry.points {
            if let Some(sighted) = sight.there.get_mut(point) {
                let is_same = sighted.memory.is_none() || sighted.memory == spelled;
                sighted.is_silent &= is_same;
                // The memory that it names now may have a row, which was not checked.
                sighted.is_met &= is_same;
            }
        }
    }
    Ok(sight)
}

/// Compares an intended memory with its present state.
fn compare(entry: &mut Entry, now: Option<Entry>, sight: &Sight) {
    let missing = entry.points.iter().any(|point| !sight.there.contains_key(point));
    let is_there = entry.points.iter().any(|point| sight.there.contains_key(point));
    let Some(now) = now else {
        let is_owned = entry.id.as_ref().is_some_and(|id| sight.owned.contains(id));
        entry.seen.points = if is_owned {
            Vec::new()
        } else {
            own(entry, sight, |point| point.is_met)
        };
        entry.seen.dropped = (is_there && entry.seen.points.is_empty()).then_some(Dropped::Changed);
        return;
    };
    let vectors = now.vectors;
    entry.seen = Seen {
        // The number of deleted points of a crowd is unknown.
        went: missing && entry.vectors == Vectors::OfRow || entry.vectors == Vectors::Crowd,
        ..now.seen
    };
    if vectors == Vectors::Disagree {
        entry.seen.dropped = Some(if entry.seen.went {
            Dropped::DisagreesPartly
        } else {
            Dropped::Disagrees
        });
        return;
    }
    if entry.seen.is_foreign {
        entry.seen.dropped = Some(if entry.row && entry.seen.went {
            Dropped::Split
        } else {
            Dropped::Changed
        });
        if vectors == Vectors::Unverifiable && !entry.vectors.go() {
            entry.vectors = vectors;
        }
        return;
    }
    if !entry.row {
        let is_gone = vectors == Vectors::None && !is_there;
        let is_partly = entry.vectors == Vectors::Partly && vectors == Vectors::Unverifiable;
        if now.row || !(vectors.go() || is_gone || is_partly) {
            entry.seen.dropped = Some(Dropped::Changed);
        } else if vectors == Vectors::Crowd || vectors == Vectors::Partly {
            entry.vectors = vectors;
        }
        return;
    }
    if !now.row && vectors != Vectors::Crowd {
        // An earlier attempt erased the row, which had matched the points that the intent names.
        let own = own(entry, sight, |point| point.is_silent);
        let more: Vec<Point> = own
            .into_iter()
            .filter(|point| !entry.seen.points.iter().any(|seen| seen.id == point.id))
            .collect();
        entry.seen.points.extend(more);
    }
    if vectors == Vectors::Crowd || !entry.vectors.go() {
        entry.vectors = vectors;
    } else if entry.vectors == Vectors::Crowd {
        // The other points were deleted.
        entry.vectors = Vectors::OfRow;
    }
    let seen = entry.seen.points.iter().map(|point| point.id);
    entry.points.extend(seen);
    entry.points.sort_unstable();
    entry.points.dedup();
}

/// Returns the existing points of the entry that meet a condition.
fn own(entry: &Entry, sight: &Sight, is_own: impl Fn(&Sighted) -> bool) -> Vec<Point> {
    let there = entry.points.iter().filter_map(|point| sight.there.get(point));
    there
        .filter(|point| is_own(point))
        .map(|point| point.point.clone())
        .collect()
}
