//! Planning: cutting a subject's or a query's rows in one table into key ranges, in constant memory. If a
//! table has only points, the plan lists the points that the query matches.
//!
//! A query takes its snapshot first (`plan/snapshot.rs`). Then one pass over the keys cuts the ranges (`plan/cut.rs`).
//! Each record commits new partitions with the cursor after them, so a worker that dies here repeats at most one step.
//! No partition can be claimed before all plans of the job are complete.

use lethe_common::ledger::{Delta, Lease, RecordEnd, WarningCode};

use lethe_common::selection::Selection;

use crate::job::batch;
use crate::job::cursor::Cursor;
use crate::job::survey::survey;
use crate::lease::{Environment, LeaseGuard, Next, Step, Stop};
use crate::targets::Mapped;

mod cut;
mod points;
mod snapshot;
pub(crate) mod walk;

use cut::Cut;
use snapshot::snapshot;

pub(crate) async fn plan(env: &Environment, mapped: &Mapped, mut lease: LeaseGuard) -> Result<(), Stop> {
    loop {
        if lease.job.cancelling {
            return end(env, lease, Delta::default(), RecordEnd::Cancelled).await;
        }
        let cursor = Cursor::of(&lease);
        if cursor.skipped || !cursor.has_begun() && batch::is_mistyped(mapped, &lease).await? {
            return skip(env, lease).await;
        }
        let snapshot = snapshot(env, mapped, &mut lease).await?;
        if lease.job.cancelling {
            continue;
        }
        lease.keep(env).await?;
        let found = expected(env, mapped, &lease).await?;
        lease.keep(env).await?;
        let Cut {
            partitions,
            progress,
            done,
            found: listed,
        } = next(env, mapped, &lease).await?;
        let warning = batch::warning(mapped, &lease).await?;
        let warning = warning.filter(|_| !Cursor::of(&lease).has_begun());
        let selected = partitions.iter().map(|partition| partition.remaining).sum::<u64>();
        let step = Step {
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
        match lease.record(env, step).await? {
            Next::GoesOn(further) => lease = further,
            Next::ReadBack(_) | Next::Over => return Ok(()),
        }
    }
}

/// Ends a plan without further partitions.
async fn end(env: &Environment, lease: LeaseGuard, delta: Delta, end: RecordEnd) -> Result<(), Stop> {
    let step = Step {
        delta,
        end: Some(end),
        ..Step::default()
    };
    lease.record(env, step).await.map(drop)
}

/// Ends a plan of a table that cannot hold the demanded values.
async fn skip(env: &Environment, lease: LeaseGuard) -> Result<(), Stop> {
    let delta = Delta {
        warning: Some(WarningCode::Mistyped),
        found: lease.job.expects.then(Selection::default),
        ..Delta::default()
    };
    let cursor = Cursor {
        skipped: true,
        ..Cursor::default()
    };
    let step = Step {
        delta,
        progress: Some(cursor.text()),
        end: Some(RecordEnd::Done),
        ..Step::default()
    };
    lease.record(env, step).await.map(drop)
}

/// Surveys the selection if the job has an expectation, under the snapshot and before the first cut. Listed points are
/// surveyed as the plan lists them.
async fn expected(env: &Environment, mapped: &Mapped, lease: &LeaseGuard) -> Result<Option<Selection>, Stop> {
    if !lease.job.expects || Cursor::of(lease).has_begun() || lists(mapped, lease) {
        return Ok(None);
    }
    let survey = survey(env, mapped, lease).await?;
    Ok(Some(survey.found))
}

/// Returns whether the plan lists points.
fn lists(mapped: &Mapped, lease: &Lease) -> bool {
    lease.job.query.is_some() && mapped.has_only_points()
}

/// Returns the next partitions.
async fn next(env: &Environment, mapped: &Mapped, lease: &LeaseGuard) -> Result<Cut, Stop> {
    if lists(mapped, lease) {
        return points::cut(env, mapped, lease).await;
    }
    cut::cut(env, mapped, lease).await
}
