//! What a query finds at its start, read in pieces.
//!
//! Pieces are read one after the other, and rows are written meanwhile. The greatest time of all pieces would let
//! those in: a row in a piece that is read late would move the bound on, for all the others. So the database's clock
//! is asked before the first piece, and what lies beyond it counts in no piece. The bound is then
//!
//! - no later than the clock at the start. A row that is written afterwards has a later time, and stays, as it would
//!   if one statement had found the bound. (What has an earlier time cannot be told there either.)
//! - no earlier than the greatest time, up to the clock, of the rows that were there at the start and still match: each
//!   of them is in the piece of its key, since keys do not change. So all of those are meant.
//!
//! The same holds for the time of the last change: a row that is changed during the walk is beyond that bound, and is
//! one that was changed.
//!
//! A row that was there at the start with a time beyond the clock would be left out. Such a row is known by a time that
//! lies beyond the clock when its piece is read. Then the walk waits until that time has passed, and begins anew, a few
//! times: whoever writes may have a clock that is ahead. After that nothing can be bounded in pieces, and neither can it
//! where a column of numbers does not say what they count. Then the job waits as it does for any call that takes too long,
//! and does not succeed without such rows.

use std::time::{Duration, Instant};

use lethe_common::job::StoreKind;
use lethe_common::ledger::Lease;
use lethe_common::metrics::StoreCall;

use super::snapshot::AHEAD;
use crate::batch;
use crate::cursor::Walk;
use crate::environment::Environment;
use crate::mapped::Mapped;
use crate::pieces;
use crate::store::error::Status;
use crate::store::sql::{Keys, SqlTable};
use crate::store::{Conditions, Query, Start, StoreError};
use crate::task::Stop;

/// How often a walk begins anew since it met a time in the future.
const AGAIN: u32 = 5;

/// Returns a walk that begins now, after a call about all rows timed out.
pub(super) async fn begin(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &Lease,
    status: Status,
) -> Result<Walk, StoreError> {
    let mut until = None;
    if table.is_dated() {
        let now = table.until_now(Duration::ZERO);
        until = env.call(mapped, StoreKind::Sql, StoreCall::Count, now).await?;
        if until.is_none() {
            return Err(cannot(lease, status, "a column of times does not say what it counts"));
        }
    }
    // The clock is known: what is written from here on stays.
    pieces::begin(lease, table).await?;
    Ok(Walk { until, ..Walk::first() })
}

/// Says why no bound can be found in pieces.
fn cannot(lease: &Lease, status: Status, why: &'static str) -> StoreError {
    tracing::warn!(
        job.id = %lease.job.id,
        partition = lease.ordinal,
        target = lease.route.target,
        table = lease.route.table,
        why,
        "the rows that were there at a job's start cannot be told in pieces"
    );
    StoreError::Timeout { status }
}

/// What a piece has.
enum Read {
    /// The newest times that are not beyond the start.
    Newest(Option<Start>),
    /// A time in the future.
    Ahead(Start),
}

/// Reads the next piece; returns what follows it, and, after the last one, what was there.
pub(crate) async fn step(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    leases: &mut Vec<Lease>,
    mut walk: Walk,
) -> Result<Result<(Option<Walk>, Option<Start>), StoreError>, Stop> {
    env.keep(leases).await?;
    if walk.ahead.is_some() {
        walk = match again(env, mapped, table, &leases[0], walk).await {
            Ok(walk) => walk,
            Err(error) => return Ok(Err(error)),
        };
        env.keep(leases).await?;
    }
    let start = Instant::now();
    let limit = env.config.worker.store_timeout;
    let read = match pieces::end(env, mapped, table, &walk.piece, None).await {
        Ok(end) => read(env, mapped, table, leases, &walk, end.as_deref())
            .await?
            .map(|read| (read, end)),
        Err(error) => Err(error),
    };
    Ok(match read {
        Ok((Read::Ahead(time), _)) => {
            let ahead = Some(time);
            Ok((Some(Walk { ahead, ..walk }), None))
        }
        Ok((Read::Newest(newest), end)) => {
            let seen = match (walk.seen.take(), newest) {
                (Some(before), Some(newest)) => Some(before.later(newest)),
                (before, newest) => before.or(newest),
            };
            let then = end.map(|end| Walk {
                piece: walk.piece.then(end, start.elapsed(), limit),
                seen: seen.clone(),
                ..walk
            });
            Ok((then, seen))
        }
        Err(timeout @ StoreError::Timeout { .. }) => match walk.piece.smaller() {
            Some(piece) => Ok((Some(Walk { piece, ..walk }), None)),
            None => Err(timeout),
        },
        Err(error) => Err(error),
    })
}

/// Begins anew after a time that lay in the future, if it has passed.
async fn again(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &Lease,
    walk: Walk,
) -> Result<Walk, StoreError> {
    let now = table.until_now(Duration::ZERO);
    let now = env.call(mapped, StoreKind::Sql, StoreCall::Count, now).await?;
    match (walk.ahead, now) {
        (Some(ahead), Some(now)) if walk.again < AGAIN && !ahead.is_beyond(&now) => Ok(Walk {
            until: Some(now),
            again: walk.again + 1,
            ..Walk::first()
        }),
        // Nothing is recorded: this is no progress.
        _ => Err(cannot(lease, Status::Silent, "a row's time lies in the future")),
    }
}

/// Returns what a piece has.
async fn read(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    leases: &mut Vec<Lease>,
    walk: &Walk,
    end: Option<&str>,
) -> Result<Result<Read, StoreError>, Stop> {
    let (conditions, keys) = (batch::conditions(&leases[0]), walk.piece.keys(end));
    env.keep(leases).await?;
    let decided = table.decided_in(&conditions, keys);
    if let Err(error) = env.call(mapped, StoreKind::Sql, StoreCall::Count, decided).await {
        return Ok(Err(error));
    }
    let Some(until) = &walk.until else {
        return Ok(Ok(Read::Newest(None)));
    };
    let newest = match newest(env, mapped, table, leases, (&conditions, keys)).await? {
        Ok(Some(newest)) if newest.is_beyond(until) => newest,
        newest => return Ok(newest.map(Read::Newest)),
    };
    let now = env.call(mapped, StoreKind::Sql, StoreCall::Count, table.until_now(AHEAD));
    match now.await {
        Ok(Some(now)) if !newest.is_beyond(&now) => {}
        Ok(_) => return Ok(Ok(Read::Ahead(newest))),
        Err(error) => return Ok(Err(error)),
    }
    // Written or changed since the walk began.
    let conditions = up_to(&conditions, until);
    let newest = self::newest(env, mapped, table, leases, (&conditions, keys)).await?;
    Ok(newest.map(Read::Newest))
}

async fn newest(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    leases: &mut Vec<Lease>,
    (conditions, keys): (&Conditions, Keys<'_>),
) -> Result<Result<Option<Start>, StoreError>, Stop> {
    env.keep(leases).await?;
    let start = table.start_in(conditions, keys);
    Ok(env.call(mapped, StoreKind::Sql, StoreCall::Count, start).await)
}

fn up_to(conditions: &Conditions, until: &Start) -> Conditions {
    let filter = conditions.query.as_ref().map(|query| query.filter.clone());
    let conditions = Conditions {
        query: None,
        ..conditions.clone()
    };
    match filter {
        None => conditions,
        Some(filter) => conditions.with_query(Query {
            filter,
            start: Some(until.clone()),
        }),
    }
}
