//! The effects of a batch, in the order that leaves no orphans, and what each memory met.

use std::collections::HashSet;

use lethe_common::job::StoreKind;
use lethe_common::ledger::Fence;
use lethe_common::metrics::StoreCall;

use super::Share;
use super::met::{Met, Row, meet};
use super::points;
use super::read_back::read_vectors;
use super::{crowds, dependents};
use crate::batch;
use crate::environment::Environment;
use crate::intent::{Entry, Vectors};
use crate::mapped::Mapped;
use crate::stop::Stop;
use crate::store::sql::{self, Deletion};
use crate::store::vector::{Point, PointId};
use crate::store::{Conditions, Item, RowOwner, StoreError};

/// One entry of the batch, with what its job demands.
pub(super) struct Target<'a> {
    pub(super) entry: &'a Entry,
    pub(super) conditions: &'a Conditions,
    pub(super) fresh: bool,
    /// Whose it is, by its position.
    share: usize,
}

impl Target<'_> {
    /// Returns whether it is a point that a query listed, with no row to go by.
    pub(super) fn is_listed_point(&self) -> bool {
        self.conditions.query.is_some() && !self.entry.row && self.entry.vectors == Vectors::Orphans
    }

    /// Returns whether it is still the job's, as far as this attempt looked.
    pub(super) fn is_meant(&self) -> bool {
        self.entry.seen.dropped.is_none()
    }
}

/// Deletes the vectors, then the rows, then reads the vectors back.
///
/// Returns what each entry of each share met, in their order; an error of a store leaves all to
/// the next attempt, which finds the intents, and in them what went of dependents.
pub(super) async fn carry_out(env: &Environment, mapped: &Mapped, shares: &mut [Share]) -> Result<Vec<Vec<Met>>, Stop> {
    let fences: Vec<Fence> = shares.iter().map(|share| share.lease.fence()).collect();
    let demanded: Vec<Conditions> = shares.iter().map(|share| batch::conditions(&share.lease)).collect();
    let intended = targets(shares, &demanded);
    // Before each effect: its time limit must fit into what is left of the leases, all of them.
    env.keep(&fences).await?;
    let still = points::still_meant(env, mapped, &intended).await?;
    env.keep(&fences).await?;
    delete_vectors(env, mapped, &intended, &still).await?;
    let stopped = crowds::delete(env, mapped, &intended, &fences).await?;
    env.keep(&fences).await?;
    let (rows, taken) = delete_rows(env, mapped, &intended, &stopped).await?;
    if !mapped.table.dependents.is_empty() {
        dependents::count(shares, &rows, taken);
    }
    env.keep(&fences).await?;
    let intended = targets(shares, &demanded);
    let kept = match read_vectors(env, mapped, &intended).await {
        Ok(kept) => kept,
        Err(error) => {
            dependents::remember(env, shares).await?;
            return Err(error.into());
        }
    };
    let mut met = intended
        .iter()
        .zip(rows)
        .zip(kept)
        .enumerate()
        .map(|(place, ((target, row), kept))| {
            if stopped.contains(&place) {
                Met::stopped()
            } else {
                meet(target, row, kept)
            }
        });
    Ok(shares
        .iter()
        .map(|share| met.by_ref().take(share.intent.entries.len()).collect())
        .collect())
}

/// Returns the entries of all shares, in their order.
fn targets<'a>(shares: &'a [Share], demanded: &'a [Conditions]) -> Vec<Target<'a>> {
    shares
        .iter()
        .zip(demanded)
        .enumerate()
        .flat_map(|(n, (share, conditions))| {
            share.intent.entries.iter().map(move |entry| Target {
                entry,
                conditions,
                fresh: share.fresh,
                share: n,
            })
        })
        .collect()
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
    points::delete(env, mapped, &collection, targets, still).await?;
    let seen: Vec<Point> = targets
        .iter()
        .filter(|target| target.is_meant() && !target.is_listed_point())
        .flat_map(|target| target.entry.seen.points.iter().cloned())
        .collect();
    if seen.is_empty() {
        return Ok(());
    }
    let deleted = collection.delete_seen(&seen);
    env.call(mapped, StoreKind::Vector, StoreCall::Delete, deleted).await
}

async fn delete_rows(
    env: &Environment,
    mapped: &Mapped,
    targets: &[Target<'_>],
    stopped: &HashSet<usize>,
) -> Result<(Vec<Row>, sql::Taken), StoreError> {
    let mut rows = vec![Row::None; targets.len()];
    let Some(table) = mapped.sql().await? else {
        return Ok((rows, sql::Taken::new()));
    };
    let intended: Vec<(usize, Item)> = targets
        .iter()
        .enumerate()
        .filter(|(place, target)| target.entry.row && target.is_meant() && !stopped.contains(place))
        .filter_map(|(n, target)| {
            Some((
                n,
                Item {
                    id: target.entry.id.clone()?,
                    conditions: target.conditions.clone(),
                    // What was asked for by its id goes whatever it has become.
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
    let shares: Vec<usize> = intended.iter().map(|(n, _)| targets[*n].share).collect();
    let delete = table.delete_shares(&items, &shares);
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
