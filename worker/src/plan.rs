//! Planning: cutting a subject's rows in one table into key ranges, streaming.
//!
//! One pass over the keys, a page at a time; each range is committed with the cursor that follows
//! it, so a worker that dies here repeats at most one range. Nothing it cuts can be claimed before
//! all plans of the job are complete.

use lethe_common::job::StoreKind;
use lethe_common::ledger::{After, Delta, Kind, Lease, NewPartition, Record, RecordEnd, Work};

use lethe_common::metrics::StoreCall;

use crate::batch;
use crate::cursor::Cursor;
use crate::environment::Environment;
use crate::mapped::Mapped;
use crate::task::Stop;

/// How many batches make a range.
// Long enough that claiming costs little, short enough that many workers share a large subject.
const BATCHES: usize = 10;

pub(crate) async fn plan(env: &Environment, mapped: &Mapped, mut leases: Vec<Lease>) -> Result<(), Stop> {
    // Plans never share a task.
    while let Some(lease) = leases.first() {
        if lease.job.cancelling {
            let end = Some(RecordEnd::Cancelled);
            let record = Record {
                lease,
                delta: Delta::default(),
                progress: None,
                remaining: 0,
                end,
            };
            return finish(env, &leases, &record).await;
        }
        env.keep(&mut leases).await?;
        let lease = &leases[0];
        let cursor = Cursor::of(lease);
        let (partitions, then) = match cut(env, mapped, lease, &cursor).await {
            Ok(cut) => cut,
            Err(error) => return Err(Stop::store(leases, error)),
        };
        let selected = partitions.iter().map(|partition| partition.remaining).sum::<u64>();
        let record = Record {
            lease,
            delta: Delta {
                selected: i64::try_from(selected).unwrap_or(i64::MAX),
                planned: partitions,
                ..Delta::default()
            },
            progress: then.as_ref().map(Cursor::text),
            remaining: 0,
            end: then.is_none().then_some(RecordEnd::Done),
        };
        let after = env
            .insist(&leases, || env.ledger.record(std::slice::from_ref(&record)))
            .await
            .ok_or(Stop::Lost)?;
        env.observe(lease, &after);
        let Some(After::Continue(until)) = after.first() else {
            return Ok(());
        };
        let progress = record.progress;
        let lease = &mut leases[0];
        (lease.until, lease.progress) = (*until, progress);
        lease.token += 1;
        env.leases.add(lease);
    }
    Ok(())
}

async fn finish(env: &Environment, leases: &[Lease], record: &Record<'_>) -> Result<(), Stop> {
    let after = env
        .insist(leases, || env.ledger.record(std::slice::from_ref(record)))
        .await
        .ok_or(Stop::Lost)?;
    env.observe(record.lease, &after);
    Ok(())
}

/// Returns the next partitions, and the cursor after them if there is more.
async fn cut(
    env: &Environment,
    mapped: &Mapped,
    lease: &Lease,
    cursor: &Cursor,
) -> Result<(Vec<NewPartition>, Option<Cursor>), crate::store::StoreError> {
    let new = |work, remaining| NewPartition {
        kind: Kind::Erase,
        route: lease.route.clone(),
        stores: lease.stores.clone(),
        work,
        remaining,
    };
    let sweep = mapped.table.collection.as_ref().map(|_| new(Work::Points, 0));
    let Some(table) = mapped.sql().await? else {
        return Ok((sweep.into_iter().collect(), None));
    };
    let conditions = batch::conditions(&lease.job);
    let page = env.config.worker.batch;
    let mut last = cursor.after.clone();
    let mut n = 0;
    let mut more = true;
    while more && n < BATCHES * page as usize {
        let ids = table.page(&conditions, last.as_deref(), None, page);
        let mut ids = env.call(mapped, StoreKind::Sql, StoreCall::Page, ids).await?;
        more = ids.len() == page as usize;
        n += ids.len();
        last = ids.pop().or(last);
    }
    // The last range has no end: what is written meanwhile beyond the last key is in it too.
    let through = if more { last.clone() } else { None };
    let range = Work::Range {
        after: cursor.after.clone(),
        through,
    };
    let mut partitions = vec![new(range, u64::try_from(n).expect("a length fits 64 bits"))];
    let then = more.then(|| Cursor {
        after: last,
        ..Cursor::default()
    });
    if then.is_none() {
        // The sweep for vectors without a row comes once.
        partitions.extend(sweep);
    }
    Ok((partitions, then))
}
