//! Dry runs: the same selection as an erasure, counted instead of acted upon.
//!
//! Nothing is written but the counts; a worker that dies here is replaced by one that counts again.

use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{Delta, ItemOutcome, Lease, Record, RecordEnd, Work};

use lethe_common::metrics::StoreCall;

use crate::batch;
use crate::cursor::Cursor;
use crate::environment::Environment;
use crate::intent::{Entry, Vectors};
use crate::mapped::Mapped;
use crate::resolve::resolve;
use crate::store::{Item, StoreError};
use crate::task::Stop;

pub(crate) async fn preview(env: &Environment, mapped: &Mapped, mut leases: Vec<Lease>) -> Result<(), Stop> {
    env.keep(&mut leases).await?;
    // Previews never share a task.
    let lease = &leases[0];
    let (delta, end) = if lease.job.cancelling {
        (Delta::default(), RecordEnd::Cancelled)
    } else {
        let counted = match &lease.work {
            Work::Ids(ids) => count_ids(env, mapped, lease, ids).await,
            Work::Subject | Work::Range { .. } | Work::Points => count_subject(env, mapped, lease).await,
            Work::Query => count_query(env, mapped, &mut leases).await?,
        };
        match counted {
            Ok(delta) => (delta, RecordEnd::Done),
            Err(error) => return Err(Stop::store(leases, error)),
        }
    };
    let lease = &leases[0];
    let record = Record {
        lease,
        delta,
        progress: None,
        remaining: lease.remaining,
        end: Some(end),
    };
    let after = env
        .insist(&leases, || env.ledger.record(std::slice::from_ref(&record)))
        .await
        .ok_or(Stop::Lost)?;
    env.observe(lease, &after);
    Ok(())
}

async fn count_ids(env: &Environment, mapped: &Mapped, lease: &Lease, ids: &[String]) -> Result<Delta, StoreError> {
    let conditions = batch::conditions(lease);
    let mut delta = Delta::default();
    for ids in ids.chunks(env.config.worker.batch as usize) {
        let items: Vec<Item> = ids.iter().map(|id| Item::new(id, &conditions)).collect();
        for entry in resolve(env, mapped, &items, false).await? {
            for store in &lease.stores {
                let outcome = outcome(&entry, *store);
                delta.count(*store, outcome, 1);
                if outcome != Outcome::Left
                    && let Some(id) = &entry.id
                {
                    delta.items.push(ItemOutcome {
                        id: id.clone(),
                        store: *store,
                        outcome: Some(outcome),
                        code: None,
                    });
                }
            }
        }
    }
    Ok(delta)
}

/// Returns what would become of a memory: `left` stands for found, and left alone.
fn outcome(entry: &Entry, store: StoreKind) -> Outcome {
    match (store, entry.vectors) {
        (StoreKind::Sql, _) if entry.row => Outcome::Left,
        (StoreKind::Vector, Vectors::OfRow | Vectors::Orphans) => Outcome::Left,
        (StoreKind::Vector, Vectors::Unverifiable) => Outcome::Unverifiable,
        (StoreKind::Sql, _) | (StoreKind::Vector, Vectors::None) => Outcome::Absent,
    }
}

async fn count_subject(env: &Environment, mapped: &Mapped, lease: &Lease) -> Result<Delta, StoreError> {
    let conditions = batch::conditions(lease);
    let mut delta = Delta::default();
    let mut most = 0;
    if let Some(table) = mapped.sql().await? {
        let n = env
            .call(mapped, StoreKind::Sql, StoreCall::Count, table.count(&conditions))
            .await?;
        delta.count(StoreKind::Sql, Outcome::Left, n);
        most = n;
    }
    if let Some(collection) = mapped.vector().await? {
        let n = env
            .call(
                mapped,
                StoreKind::Vector,
                StoreCall::Count,
                collection.count(&conditions),
            )
            .await?;
        delta.count(StoreKind::Vector, Outcome::Left, n);
        most = most.max(n);
    }
    delta.selected = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(delta)
}

/// Counts what a query matches: the rows, and the vectors that they have.
async fn count_query(
    env: &Environment,
    mapped: &Mapped,
    leases: &mut Vec<Lease>,
) -> Result<Result<Delta, StoreError>, Stop> {
    let stores = leases[0].stores.clone();
    let mut cursor = Cursor::default();
    let mut delta = Delta::default();
    loop {
        // There may be any number of pages.
        env.keep(leases).await?;
        let (batch, entries) = match page_of_query(env, mapped, &leases[0], cursor).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        for entry in &entries {
            for store in &stores {
                delta.count(*store, outcome(entry, *store), 1);
            }
        }
        delta.selected += i64::try_from(entries.len()).unwrap_or(0);
        match batch {
            Some(then) => cursor = then,
            None => return Ok(Ok(delta)),
        }
    }
}

async fn page_of_query(
    env: &Environment,
    mapped: &Mapped,
    lease: &Lease,
    cursor: Cursor,
) -> Result<(Option<Cursor>, Vec<Entry>), StoreError> {
    let batch = batch::next(env, mapped, lease, cursor).await?;
    let entries = resolve(env, mapped, &batch.items, batch.listed).await?;
    Ok((batch.then, entries))
}

/// Returns the ids of a list partition that are to be read back.
pub(crate) fn listed(lease: &Lease) -> &[String] {
    match &lease.work {
        Work::Ids(ids) => ids,
        Work::Range { .. } | Work::Points | Work::Subject | Work::Query => &[],
    }
}

/// Returns the progress of a partition that begins anew with these ids.
pub(crate) fn only(ids: Vec<String>) -> String {
    Cursor {
        only: Some(ids),
        ..Cursor::default()
    }
    .text()
}
