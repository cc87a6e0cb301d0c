//! The bound of what a query finds at its start, where the rows are read in pieces.
//!
//! Pieces are read one after the other, and rows are written and changed meanwhile: the greatest time of all pieces is
//! no bound. That of a row that was changed meanwhile is not even known any more. So the bound is the database's clock
//! before the first piece, and [`AHEAD`] more, since the clocks of those who write rows may be that much ahead. The
//! first piece waits until this time has passed, with the longest tick in which it may lie. The bound is then
//!
//! - earlier than the clock at the first piece. A row that is written afterwards has a later time, and stays, as it
//!   would if one statement had found the bound. (What has an earlier time cannot be told there either.)
//! - no earlier than the time of any row that was there when the clock was asked, by clocks that are no more ahead. So
//!   all of those are meant.
//!
//! The same holds for the time of the last change: a row that is changed during the walk is beyond that bound. It is
//! still one that was there, and counts as changed.
//!
//! What the pieces are read for is whether each row says if the query matches it, and rows of later times that were
//! there all the same, of a clock that is far ahead. Such a row is known by a time that is still in the future when its
//! piece is read. Then the walk waits until the bound can be as late, and begins anew, a few times. After that nothing
//! can be bounded in pieces, and neither can it where a column of numbers does not say what they count. Then the attempt
//! fails with [`StoreError::NoSnapshot`]: the job does not succeed without such rows. Tried instead: leaving them, which
//! one statement about all rows does not do, since it takes the greatest time for its bound.
//!
//! Where such a time passes before its piece is read, the row looks like one that was written since, and stays as they
//! do. A walk that met rows of either kind says so in the log.

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

/// How often a walk begins anew since it met a time in the future.
const AGAIN: u32 = 5;

/// Returns a walk that begins now, after a call about all rows timed out.
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
            return Err(cannot(lease, "a column of times does not say what it counts").into());
        }
        pass(env, lease, AHEAD + SECOND).await?;
    }
    // The bound has passed: what is written from here on stays.
    pieces::begin(lease, table).await?;
    Ok(Walk { until, ..Walk::first() })
}

/// Returns the bound of a walk that begins once it has passed.
async fn bound(env: &Environment, mapped: &Mapped, table: &SqlTable) -> Result<Option<Start>, StoreError> {
    let bound = table.until_now(AHEAD);
    env.call(mapped, StoreKind::Sql, StoreCall::Count, bound).await
}

/// Says why no bound can be found in pieces.
fn cannot(lease: &Lease, why: &'static str) -> StoreError {
    let about = About::lease(lease);
    tracing::warn!(
        job.id = about.job,
        partition = about.partition,
        target.name = about.target,
        table = about.table,
        why,
        "the rows that were there at a job's start cannot be told in pieces"
    );
    StoreError::NoSnapshot { why }
}

/// What a piece has.
enum Read {
    /// No time in the future.
    Past {
        /// Whether a row was written after the bound.
        beyond: bool,
    },
    /// A time in the future.
    Ahead(Start),
}

/// Reads the next piece; returns what follows it, or, after the last one, what was there at the start.
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

/// Says that a walk met rows which stay.
fn say_beyond(lease: &Lease) {
    let about = About::lease(lease);
    tracing::warn!(
        job.id = about.job,
        partition = about.partition,
        target.name = about.target,
        table = about.table,
        "rows that a query matches say that they were written after it began: they stay, also those of a clock that was \
         far ahead"
    );
}

/// Begins anew after a time that lay in the future, if the bound can be as late by now.
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
        _ => Err(cannot(lease, "a row's time lies in the future").into()),
    }
}

/// Returns what the next piece of a walk has, and the key at which it ends if it is not the last one.
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
