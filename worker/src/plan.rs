//! Planning: cutting a subject's or a query's rows in one table into key ranges, streaming. Where a table
//! has only points, those that a query matches are listed.
//!
//! What a query finds is bounded first (`plan/snapshot.rs`). Then one pass over the keys (`plan/cut.rs`); what is cut is committed with the cursor that follows it, so a
//! worker that dies here repeats at most that. Nothing it cuts can be claimed before all plans of the job
//! are complete.

use lethe_common::ledger::{After, Delta, Lease, Record, RecordEnd, WarningCode};

use lethe_common::selection::Selection;

use crate::batch;
use crate::cursor::Cursor;
use crate::environment::Environment;
use crate::look::look;
use crate::mapped::Mapped;
use crate::stop::Stop;

mod cut;
mod points;
mod snapshot;
pub(crate) mod walk;

use cut::Cut;
use snapshot::snapshot;

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
            return env.record(&[record]).await.map(drop);
        }
        if batch::is_mistyped(mapped, lease).await? && !Cursor::of(lease).has_begun() {
            return skip(env, lease).await;
        }
        let snapshot = snapshot(env, mapped, &mut leases).await?;
        if leases[0].job.cancelling {
            continue;
        }
        env.keep(&mut leases).await?;
        let found = expected(env, mapped, &mut leases).await?;
        env.keep(&mut leases).await?;
        let Cut {
            partitions,
            progress,
            done,
            found: listed,
        } = next(env, mapped, &mut leases).await?;
        let lease = &leases[0];
        let warning = batch::warning(mapped, lease).await?;
        let warning = warning.filter(|_| !Cursor::of(lease).has_begun());
        let selected = partitions.iter().map(|partition| partition.remaining).sum::<u64>();
        let record = Record {
            lease,
            delta: Delta {
                selected: i64::try_from(selected).unwrap_or(i64::MAX),
                planned: partitions,
                found: found.or(listed),
                snapshot,
                warning,
                ..Delta::default()
            },
            progress,
            remaining: 0,
            end: done.then_some(RecordEnd::Done),
        };
        let after = env.record(std::slice::from_ref(&record)).await?;
        let Some(After::Continue {
            until,
            cancelling,
            per_second,
        }) = after.first()
        else {
            return Ok(());
        };
        let progress = record.progress;
        let lease = &mut leases[0];
        lease.goes_on(*until, *cancelling, *per_second);
        lease.progress = progress;
        env.leases.moved_on(lease);
    }
    Ok(())
}

/// Ends a plan of a table that cannot hold what its job demands.
async fn skip(env: &Environment, lease: &Lease) -> Result<(), Stop> {
    let record = Record {
        lease,
        delta: Delta {
            warning: Some(WarningCode::Mistyped),
            found: lease.job.expects.then(Selection::default),
            ..Delta::default()
        },
        progress: None,
        remaining: 0,
        end: Some(RecordEnd::Done),
    };
    env.record(&[record]).await.map(drop)
}

/// Looks at what is selected, if the job says what that has to be, before the first of it is cut, and of what was
/// there at its start. Points are looked at as they are listed.
async fn expected(env: &Environment, mapped: &Mapped, leases: &mut Vec<Lease>) -> Result<Option<Selection>, Stop> {
    let lease = &leases[0];
    if !lease.job.expects || Cursor::of(lease).has_begun() || lists(mapped, lease) {
        return Ok(None);
    }
    let look = look(env, mapped, leases).await?;
    Ok(Some(look.found))
}

/// Returns whether a plan lists what it is about.
fn lists(mapped: &Mapped, lease: &Lease) -> bool {
    lease.job.query.is_some() && mapped.has_only_points()
}

/// Returns the next partitions.
async fn next(env: &Environment, mapped: &Mapped, leases: &mut Vec<Lease>) -> Result<Cut, Stop> {
    if lists(mapped, &leases[0]) {
        return points::cut(env, mapped, leases).await;
    }
    cut::cut(env, mapped, leases).await
}
