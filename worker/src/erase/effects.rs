//! The effects of a batch, in the order that leaves no orphans, and what each memory met.

use std::collections::HashSet;

use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::Lease;

use super::Share;
use super::points;
use lethe_common::metrics::StoreCall;

use crate::batch;
use crate::environment::Environment;
use crate::intent::{Entry, Vectors};
use crate::mapped::Mapped;
use crate::store::sql::Deletion;
use crate::store::vector::{Demands, PointId};
use crate::store::{Conditions, Item, StoreError};
use crate::task::Stop;

/// What a memory met in each store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Met {
    sql: (Outcome, Option<&'static str>),
    vector: (Outcome, Option<&'static str>),
    /// Why the database refuses to delete its row, if it does.
    pub(super) refused: Option<&'static str>,
    /// The points that were there after they had been deleted, or since.
    pub(super) kept: Vec<PointId>,
}

impl Met {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (StoreKind, Outcome, Option<&'static str>)> {
        [
            (StoreKind::Sql, self.sql.0, self.sql.1),
            (StoreKind::Vector, self.vector.0, self.vector.1),
        ]
        .into_iter()
    }

    /// Returns whether it was erased from a store.
    pub(super) fn is_erased(&self, store: StoreKind) -> bool {
        self.iter()
            .any(|(met, outcome, _)| (met, outcome) == (store, Outcome::Erased))
    }

    /// Returns whether a vector was still there after it was deleted.
    pub(crate) fn is_kept(&self) -> bool {
        !self.kept.is_empty()
    }
}

/// The code of a vector that was still there after it was deleted.
const KEPT: &str = "kept";

/// The code of a memory whose row dropped out after its vector went.
const SPLIT: &str = "split";

/// One entry of the batch, with what its job demands.
pub(super) struct Target<'a> {
    pub(super) entry: &'a Entry,
    pub(super) conditions: &'a Conditions,
    fresh: bool,
}

impl Target<'_> {
    /// Returns whether it is a point that a query listed, with no row to go by.
    pub(super) fn is_listed_point(&self) -> bool {
        self.conditions.query.is_some() && !self.entry.row && self.entry.vectors == Vectors::Orphans
    }
}

/// Deletes the vectors, then the rows, then reads the vectors back.
///
/// Returns what each entry of each share met, in their order; an error of a store leaves all to
/// the next attempt, which finds the intents.
pub(super) async fn carry_out(
    env: &Environment,
    mapped: &Mapped,
    shares: &[Share],
    leases: &mut Vec<Lease>,
) -> Result<Result<Vec<Vec<Met>>, StoreError>, Stop> {
    let demanded: Vec<Conditions> = shares.iter().map(|share| batch::conditions(&share.lease)).collect();
    let targets: Vec<Target<'_>> = shares
        .iter()
        .zip(&demanded)
        .flat_map(|(share, conditions)| {
            share.intent.entries.iter().map(move |entry| Target {
                entry,
                conditions,
                fresh: share.fresh,
            })
        })
        .collect();
    macro_rules! attempt {
        ($call:expr) => {
            match $call.await {
                Ok(answer) => answer,
                Err(error) => return Ok(Err(error)),
            }
        };
    }
    let held = leases.len();
    // Before each effect: its time limit must fit into what is left of the leases, all of them.
    macro_rules! keep {
        () => {
            env.keep(leases).await?;
            if leases.len() < held {
                return Err(Stop::Lost);
            }
        };
    }
    keep!();
    let still = attempt!(points::still_meant(env, mapped, &targets));
    keep!();
    attempt!(delete_vectors(env, mapped, &targets, &still));
    keep!();
    let rows = attempt!(delete_rows(env, mapped, &targets));
    keep!();
    let kept = attempt!(read_vectors(env, mapped, &targets));
    let mut met = targets
        .iter()
        .zip(rows)
        .zip(kept)
        .map(|((target, row), kept)| meet(target, row, kept));
    Ok(Ok(shares
        .iter()
        .map(|share| met.by_ref().take(share.intent.entries.len()).collect())
        .collect()))
}

async fn delete_vectors(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
    still: &HashSet<PointId>,
) -> Result<(), StoreError> {
    let Some(collection) = mapped.vector().await? else {
        return Ok(());
    };
    let of_rows: Vec<PointId> = targets
        .iter()
        .filter(|target| target.entry.vectors == Vectors::OfRow)
        .flat_map(|target| target.entry.points.iter().copied())
        .collect();
    if !of_rows.is_empty() {
        env.call(
            mapped,
            StoreKind::Vector,
            StoreCall::Delete,
            collection.delete(&of_rows),
        )
        .await?;
    }
    points::delete(env, mapped, &collection, targets, still).await?;
    let orphans: Vec<(PointId, Conditions, Option<String>)> = targets
        .iter()
        .filter(|target| target.entry.vectors == Vectors::Orphans && !target.is_listed_point())
        .flat_map(|target| {
            let memory = target.entry.id.clone();
            target
                .entry
                .points
                .iter()
                .map(move |point| (*point, target.conditions.clone(), memory.clone()))
        })
        .collect();
    if !orphans.is_empty() {
        // The deleting call carries the conditions: a payload that changed in between survives.
        env.call(
            mapped,
            StoreKind::Vector,
            StoreCall::Delete,
            collection.delete_guarded(&orphans),
        )
        .await?;
    }
    Ok(())
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    /// There was none that the job may touch.
    None,
    /// The statement deleted it.
    Deleted,
    /// It was intended, and is gone without this statement.
    Gone,
    /// It was intended, and is there but not under the conditions any more.
    DroppedOut,
    /// The database refuses to delete it, and would again.
    Refused(&'static str),
}

async fn delete_rows(env: &Environment, mapped: &Mapped, targets: &[Target<'_>]) -> Result<Vec<Row>, StoreError> {
    let mut rows = vec![Row::None; targets.len()];
    let Some(table) = mapped.sql().await? else {
        return Ok(rows);
    };
    let intended: Vec<(usize, Item)> = targets
        .iter()
        .enumerate()
        .filter(|(_, target)| target.entry.row)
        .filter_map(|(n, target)| {
            Some((
                n,
                Item {
                    id: target.entry.id.clone()?,
                    conditions: target.conditions.clone(),
                    // What was asked for by its id goes whatever it has become.
                    version: target.entry.version.filter(|_| target.conditions.query.is_some()),
                    place: target.entry.place.clone(),
                    changed: false,
                },
            ))
        })
        .collect();
    if intended.is_empty() {
        return Ok(rows);
    }
    let items: Vec<Item> = intended.iter().map(|(_, item)| item.clone()).collect();
    let Deletion { deleted, refused } = env
        .call(mapped, StoreKind::Sql, StoreCall::Delete, table.delete(&items))
        .await?;
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
    Ok(rows)
}

/// What reading a memory's vectors back found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadBack {
    Gone,
    Kept(Vec<PointId>),
    /// It is there, but is not what was selected any more.
    Changed,
}

/// Reads the vectors back by id, so that one that a concurrent writer put back is found too.
async fn read_vectors(env: &Environment, mapped: &Mapped, targets: &[Target<'_>]) -> Result<Vec<ReadBack>, StoreError> {
    let mut found = vec![ReadBack::Gone; targets.len()];
    let Some(collection) = mapped.vector().await? else {
        return Ok(found);
    };
    let (mut places, mut items, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut nameless: Vec<(usize, PointId)> = Vec::new();
    for (n, target) in targets.iter().enumerate() {
        match (&target.entry.id, target.entry.vectors) {
            (_, Vectors::None | Vectors::Unverifiable | Vectors::Changed) if !target.entry.row => {}
            _ if target.is_listed_point() => {}
            (Some(id), _) => {
                places.push(n);
                items.push(Item::new(id, target.conditions));
                rows.push(target.entry.row);
            }
            (None, _) => nameless.extend(target.entry.points.iter().map(|point| (n, *point))),
        }
    }
    if !items.is_empty() {
        let points = env
            .call(
                mapped,
                StoreKind::Vector,
                StoreCall::ReadBack,
                collection.find(&items, &rows),
            )
            .await?;
        for (i, points) in points.iter().enumerate().filter(|(_, points)| !points.is_empty()) {
            let ours = rows[i] || points.iter().any(|point| point.demands == Demands::Met);
            found[places[i]] = if ours {
                ReadBack::Kept(points.iter().map(|point| point.id).collect())
            } else {
                ReadBack::Changed
            };
        }
    }
    if !nameless.is_empty() {
        let points: Vec<PointId> = nameless.iter().map(|(_, point)| *point).collect();
        let present: HashSet<PointId> = env
            .call(
                mapped,
                StoreKind::Vector,
                StoreCall::ReadBack,
                collection.present(&points),
            )
            .await?;
        for (n, point) in nameless.into_iter().filter(|(_, point)| present.contains(point)) {
            found[n] = ReadBack::Kept(vec![point]);
        }
    }
    points::read_back(env, mapped, &collection, targets, &mut found).await?;
    Ok(found)
}

fn meet(target: &Target<'_>, row: Row, read_back: ReadBack) -> Met {
    let vector_went = matches!(target.entry.vectors, Vectors::OfRow | Vectors::Orphans);
    let sql = match row {
        Row::Deleted => (Outcome::Erased, None),
        // The attempt that wrote the intent knows that it was somebody else; a later one finds
        // what an earlier one did.
        Row::Gone => (if target.fresh { Outcome::Absent } else { Outcome::Erased }, None),
        Row::DroppedOut if vector_went => (Outcome::Failed, Some(SPLIT)),
        Row::DroppedOut => (Outcome::Conflicted, None),
        Row::Refused(code) => (Outcome::Failed, Some(code)),
        Row::None if target.entry.vectors == Vectors::Changed => (Outcome::Conflicted, None),
        Row::None => (Outcome::Absent, None),
    };
    let mut kept = Vec::new();
    let vector = match (target.entry.vectors, read_back) {
        (Vectors::Unverifiable, _) => (Outcome::Unverifiable, None),
        // Its row stayed, with another owner, who may have written it again.
        (Vectors::OfRow, ReadBack::Kept(_)) if row == Row::DroppedOut => (Outcome::Conflicted, None),
        (Vectors::None, ReadBack::Kept(_)) if row == Row::DroppedOut => (Outcome::Absent, None),
        (_, ReadBack::Kept(points)) => {
            kept = points;
            (Outcome::Failed, Some(KEPT))
        }
        (Vectors::Changed, _) | (Vectors::OfRow | Vectors::Orphans, ReadBack::Changed) => (Outcome::Conflicted, None),
        (Vectors::OfRow | Vectors::Orphans, ReadBack::Gone) => (Outcome::Erased, None),
        (Vectors::None, ReadBack::Changed | ReadBack::Gone) => (Outcome::Absent, None),
    };
    let refused = match row {
        Row::Refused(code) => Some(code),
        _ => None,
    };
    Met {
        sql,
        vector,
        refused,
        kept,
    }
}
