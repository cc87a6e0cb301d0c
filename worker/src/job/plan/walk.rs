//! The bound of a query's snapshot, where the rows are read in pieces.
//!
//! Rows are written and changed between the pieces, so the greatest time of all pieces is no bound: a row that changed
//! meanwhile no longer has its old time. The bound is the database's clock before the first piece, plus [`AHEAD`],
//! since the clocks of writers may be that much ahead. The first piece waits until this time has passed, with the
//! longest tick that may contain it. The bound is then
//!
//! - earlier than the clock at the first piece. A row that is written later has a later time and stays, as after a
//!   single statement. (A single statement cannot tell a later row with an earlier time either.)
//! - no earlier than the time of any row that existed when the clock was read, by clocks that are no more ahead. So the
//!   query selects all of those rows.
//!
//! Clocks that are put back show an hour twice. If the bound is within that hour of the mapping's `time_zone`, rows with
//! local times of the hour may be later than the bound: they stay.
//!
//! The same holds for the time of the last change: a row that changes during the scan is beyond that bound. It is still
//! a row of the start, and counts as changed.
//!
//! The pieces check that each row says whether the query matches it. They also look for rows of the start with later
//! times, from a clock that is far ahead: such a time is still in the future when its piece is read. The scan then
//! waits until the bound can be as late, and restarts, at most [`AGAIN`] times. After that, or if a column of numbers
//! has no unit, no bound can be found in pieces. The attempt fails with [`StoreError::NoSnapshot`]: the job does not
//! succeed without such rows. Tried instead: skipping them. One statement about all rows takes them, since its bound is
//! the greatest time.
//!
//! If such a time passes before its piece is read, the row looks like a later one, and stays like one. A scan that met
//! rows of either kind logs it.

use std::ops::ControlFlow;
use std::time::Instant;

use lethe_common::job::StoreKind;
use lethe_common::ledger::Lease;
use lethe_common::metrics::StoreCall;

use super::snapshot::{AHEAD, SECOND, pass};
use crate::job::conditions::conditions;
use crate::job::cursor::Walk;
use crate::job::pieces;
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::span::About;
use crate::store::sql::SqlTable;
use crate::store::{Start, StoreError};
use crate::targets::Mapped;

/// The most restarts of a scan that met a time in the future.
const AGAIN: u32 = 5;

/// Begins a scan, after a call about all rows timed out.
pub(super) async fn begin(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &LeaseGuard,
) -> Result<Walk, Stop> {
    let mut until = None;
    if table.is_dated() {
        until = bound(env, mapped, table).await?;
        if until.is_none() {
            return Err(cannot(lease, "a column of numbers has no unit").into());
        }
        pass(env, lease, AHEAD + SECOND).await?;
    }
    // The bound has passed: rows that are written from here on stay.
    pieces::begin(lease, table).await?;
    Ok(Walk { until, ..Walk::first() })
}

/// Returns the bound of a scan, which begins after this time.
async fn bound(env: &Environment, mapped: &Mapped, table: &SqlTable) -> Result<Option<Start>, StoreError> {
    let bound = table.until_now(AHEAD);
    env.call(mapped, StoreKind::Sql, StoreCall::Count, bound).await
}

/// Logs why no bound can be found in pieces, and returns the error.
fn cannot(lease: &Lease, why: &'static str) -> StoreError {
    let about = About::lease(lease);
    tracing::warn!(
        job.id = about.job,
        partition = about.partition,
        target.name = about.target,
        table = about.table,
        why,
        "no snapshot can be taken in pieces"
    );
    StoreError::NoSnapshot { why }
}

/// The times in a piece.
enum Read {
    /// No time in the future.
    Past {
        /// Whether a row was written after the bound.
        beyond: bool,
    },
    /// A time in the future.
    Ahead(Start),
}

/// Reads the next piece. Returns the position after it, or the snapshot's bound after the last piece.
pub(crate) async fn step(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &LeaseGuard,
    mut walk: Walk,
) -> Result<ControlFlow<Option<Start>, Walk>, Stop> {
    lease.keep(env).await?;
    if walk.ahead.is_some() {
        walk = again(env, mapped, table, lease, walk).await?;
    }
    let start = Instant::now();
    let limit = env.config.worker.store_timeout;
    match read(env, mapped, table, lease, &walk).await {
        Ok((Read::Ahead(time), _)) => {
            let ahead = Some(time);
            Ok(ControlFlow::Continue(Walk { ahead, ..walk }))
        }
        Ok((Read::Past { beyond }, end)) => {
            let beyond = walk.beyond || beyond;
            let Some(end) = end else {
                if beyond {
                    say_beyond(lease);
                }
                return Ok(ControlFlow::Break(walk.until));
            };
            let piece = walk.piece.then(end, start.elapsed(), limit);
            Ok(ControlFlow::Continue(Walk { piece, beyond, ..walk }))
        }
        Err(Stop::Store(timeout @ StoreError::Timeout { .. })) => {
            let piece = walk.piece.smaller().ok_or(timeout)?;
            Ok(ControlFlow::Continue(Walk { piece, ..walk }))
        }
        Err(stop) => Err(stop),
    }
}

/// Logs that a scan met rows beyond the bound, which stay.
fn say_beyond(lease: &Lease) {
    let about = About::lease(lease);
    tracing::warn!(
        job.id = about.job,
        partition = about.partition,
        target.name = about.target,
        table = about.table,
        "matching rows are dated after the start of the query: they stay, even if the writer's clock was fast"
    );
}

/// Restarts a scan that met a time in the future, if the bound can be as late by now.
async fn again(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &LeaseGuard,
    walk: Walk,
) -> Result<Walk, Stop> {
    let until = bound(env, mapped, table).await?;
    match (walk.ahead, until) {
        (Some(ahead), Some(until)) if walk.again < AGAIN && !ahead.is_beyond(&until) => {
            pass(env, lease, AHEAD + SECOND).await?;
            Ok(Walk {
                until: Some(until),
                again: walk.again + 1,
                ..Walk::first()
            })
        }
        // Nothing is recorded: this is no progress.
        _ => Err(cannot(lease, "a matching row is dated in the future").into()),
    }
}

/// Returns the times in the next piece, and its last key unless it is the last piece.
async fn read(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &LeaseGuard,
    walk: &Walk,
) -> Result<(Read, Option<String>), Stop> {
    let end = pieces::end(env, mapped, table, &walk.piece, None).await?;
    let (conditions, keys) = (conditions(lease), walk.piece.keys(end.as_deref()));
    lease.keep(env).await?;
    let decided = table.decided_in(&conditions, keys);
    env.call(mapped, StoreKind::Sql, StoreCall::Count, decided).await?;
    let Some(until) = &walk.until else {
        return Ok((Read::Past { beyond: false }, end));
    };
    lease.keep(env).await?;
    let newest = table.start_in(&conditions, keys);
    let newest = env.call(mapped, StoreKind::Sql, StoreCall::Count, newest).await?;
    let Some(newest) = newest.filter(|newest| newest.is_beyond(until)) else {
        return Ok((Read::Past { beyond: false }, end));
    };
    let read = match bound(env, mapped, table).await? {
        Some(now) if !newest.is_beyond(&now) => Read::Past {
            beyond: newest.written.is_beyond(&until.written),
        },
        _ => Read::Ahead(newest),
    };
    Ok((read, end))
}
