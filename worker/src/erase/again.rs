//! Looking again at an intent that another attempt wrote: what it is about may be somebody else's by now.
//!
//! What is not the job's any more drops out before any effect. What an earlier attempt may have erased is not looked
//! for in vain: it counts as erased.

use std::collections::HashSet;

use lethe_common::job::StoreKind;
use lethe_common::ledger::Lease;
use lethe_common::metrics::StoreCall;

use super::Share;
use crate::batch;
use crate::environment::Environment;
use crate::intent::{Dropped, Entry, Vectors};
use crate::mapped::Mapped;
use crate::resolve::{Claim, Judge, resolve};
use crate::store::vector::{Point, PointId};
use crate::store::{Conditions, Item, StoreError};
use crate::task::Stop;

/// Looks again at the shares that this attempt did not begin.
pub(super) async fn look_again(
    env: &Environment,
    mapped: &Mapped,
    shares: &mut [Share],
    leases: &mut Vec<Lease>,
) -> Result<Result<(), StoreError>, Stop> {
    let held = leases.len();
    for share in shares.iter_mut().filter(|share| !share.fresh) {
        let conditions = batch::conditions(&share.lease);
        let is_query = conditions.query.is_some();
        // A listed point is looked at by itself, on every attempt.
        let mut entries: Vec<&mut Entry> = share
            .intent
            .entries
            .iter_mut()
            .filter(|entry| entry.row || (entry.vectors.go() && !is_query))
            .collect();
        let named: Vec<Item> = entries.iter().filter_map(|entry| item(entry, &conditions)).collect();
        let mut now = Vec::with_capacity(named.len());
        while now.len() < named.len() {
            env.keep(leases).await?;
            if leases.len() < held {
                return Err(Stop::Lost);
            }
            match resolve(env, mapped, &named[now.len()..], false, leases).await? {
                Ok(found) => now.extend(found),
                Err(error) => return Ok(Err(error)),
            }
        }
        let points = match sight(env, mapped, &conditions, &entries).await {
            Ok(points) => points,
            Err(error) => return Ok(Err(error)),
        };
        let mut now = now.into_iter();
        for entry in &mut entries {
            let now = entry.id.is_some().then(|| now.next()).flatten();
            compare(entry, now, &points);
        }
    }
    Ok(Ok(()))
}

fn item(entry: &Entry, conditions: &Conditions) -> Option<Item> {
    let item = Item::new(entry.id.clone()?, conditions);
    Some(Item {
        version: entry.version.filter(|_| conditions.query.is_some()),
        ..item
    })
}

/// The intended points that are there.
struct Sight {
    /// All of them.
    there: HashSet<PointId>,
    /// Those of which nothing says that they are somebody else's.
    unclaimed: Vec<Point>,
}

/// Looks at the points that the intent names.
async fn sight(
    env: &Environment,
    mapped: &Mapped,
    conditions: &Conditions,
    entries: &[&mut Entry],
) -> Result<Sight, StoreError> {
    let mut sight = Sight {
        there: HashSet::new(),
        unclaimed: Vec::new(),
    };
    let Some(collection) = mapped.vector().await? else {
        return Ok(sight);
    };
    let table = mapped.sql().await?;
    let judge = Judge::new(table.as_deref());
    let points: Vec<PointId> = entries.iter().flat_map(|entry| entry.points.iter().copied()).collect();
    let seen = collection.see(&points, conditions);
    for point in env.call(mapped, StoreKind::Vector, StoreCall::Find, seen).await? {
        sight.there.insert(point.id);
        if judge.claim(conditions, &point) != Claim::Anothers {
            sight.unclaimed.push(point);
        }
    }
    Ok(sight)
}

/// Holds what was intended against what is there now.
fn compare(entry: &mut Entry, now: Option<Entry>, sight: &Sight) {
    let is_there = entry.points.iter().any(|point| sight.there.contains(point));
    let Some(now) = now else {
        // A point whose memory is not known.
        entry.seen.points = own(entry, &sight.unclaimed);
        entry.seen.dropped = (is_there && entry.seen.points.is_empty()).then_some(Dropped::Changed);
        return;
    };
    let vectors = now.vectors;
    entry.seen = now.seen;
    if vectors == Vectors::Disagree {
        entry.seen.dropped = Some(Dropped::Disagrees);
        return;
    }
    if entry.seen.is_anothers {
        let went = entry.row && entry.vectors == Vectors::OfRow && !is_there;
        entry.seen.dropped = Some(if went { Dropped::Split } else { Dropped::Changed });
        return;
    }
    if !entry.row {
        let is_gone = vectors == Vectors::None && !is_there;
        if now.row || !(vectors.go() || is_gone) {
            entry.seen.dropped = Some(Dropped::Changed);
        }
        return;
    }
    if !now.row && vectors != Vectors::Crowd {
        // An earlier attempt erased the row, which vouched for the points that the intent names.
        let own = own(entry, &sight.unclaimed);
        let more: Vec<Point> = own
            .into_iter()
            .filter(|point| !entry.seen.points.iter().any(|seen| seen.id == point.id))
            .collect();
        entry.seen.points.extend(more);
    }
    if vectors == Vectors::Crowd || !entry.vectors.go() {
        entry.vectors = vectors;
    } else if entry.vectors == Vectors::Crowd {
        // The others went.
        entry.vectors = Vectors::OfRow;
    }
    let seen = entry.seen.points.iter().map(|point| point.id);
    entry.points.extend(seen);
    entry.points.sort_unstable();
    entry.points.dedup();
}

/// Returns those of the points that the entry names.
fn own(entry: &Entry, points: &[Point]) -> Vec<Point> {
    let named = points.iter().filter(|point| entry.points.contains(&point.id));
    named.cloned().collect()
}
