//! Counting the remaining rows.
//!
//! One statement counts them. If it exceeds the time limit of a call, the count is the sum over pieces of the table.
//! Keys do not change, so a row that exists from the first piece to the last is counted in exactly one. A row that is
//! written or deleted meanwhile may be counted or not, as just before or after one statement. So a sum of zero means
//! the same as a count of zero: no row was left.

use std::time::Instant;

use lethe_common::job::StoreKind;
use lethe_common::metrics::StoreCall;

use crate::job::conditions::conditions;
use crate::job::cursor::{Cursor, Walk};
use crate::job::pages::{self, Rows};
use crate::job::piece::Piece;
use crate::job::pieces;
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::store::StoreError;
use crate::store::sql::SqlTable;
use crate::targets::Mapped;

/// Counts the rows that meet the conditions of a partition.
pub(super) async fn count(env: &Environment, mapped: &Mapped, lease: &mut LeaseGuard) -> Result<u64, Stop> {
    let Some(table) = mapped.sql().await? else {
        return Ok(0);
    };
    let mut walk = if let Some(walk) = Cursor::of(lease).walk {
        walk
    } else {
        let conditions = conditions(lease);
        let count = table.count(&conditions);
        match env.call(mapped, StoreKind::Sql, StoreCall::Count, count).await {
            Err(StoreError::Timeout { .. }) => {}
            count => return Ok(count?),
        }
        pieces::begin(lease, &table).await?;
        Walk::first()
    };
    loop {
        walk = match step(env, mapped, &table, lease, walk).await? {
            (Some(then), _) => then,
            (None, n) => return Ok(n),
        };
        pieces::save(env, lease, Some(walk.clone())).await?;
        if lease.job.cancelling {
            // A job that is being cancelled ignores the result.
            return Ok(walk.n);
        }
    }
}

/// Counts the rows of the next piece. Returns the position after it, and the number of rows up to its end.
async fn step(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &LeaseGuard,
    walk: Walk,
) -> Result<(Option<Walk>, u64), Stop> {
    lease.keep(env).await?;
    let start = Instant::now();
    match read(env, mapped, table, lease, &walk.piece).await {
        Ok((n, end)) => {
            let n = walk.n + n;
            let limit = env.config.worker.store_timeout;
            let then = end.map(|end| Walk {
                piece: walk.piece.then(end, start.elapsed(), limit),
                n,
                ..walk
            });
            Ok((then, n))
        }
        Err(Stop::Store(timeout @ StoreError::Timeout { .. })) => {
            let piece = walk.piece.smaller().ok_or(timeout)?;
            Ok((Some(Walk { piece, ..walk }), 0))
        }
        Err(stop) => Err(stop),
    }
}

/// Counts the rows of a piece. Also returns its last key, unless it is the last piece.
async fn read(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &LeaseGuard,
    piece: &Piece,
) -> Result<(u64, Option<String>), Stop> {
    let end = pieces::end(env, mapped, table, piece, None).await?;
    lease.keep(env).await?;
    let conditions = conditions(lease);
    let count = table.count_in(&conditions, piece.keys(end.as_deref()));
    let n = env.call(mapped, StoreKind::Sql, StoreCall::Count, count).await?;
    Ok((n, end))
}

/// Counts the rows of a query with `max_memories`, up to the last key that it took.
pub(super) async fn count_through(
    env: &Environment,
    mapped: &Mapped,
    lease: &mut LeaseGuard,
    through: &str,
) -> Result<u64, Stop> {
    let begin = || Walk {
        piece: Piece::default(),
        ..Walk::first()
    };
    let mut walk = Cursor::of(lease).walk.unwrap_or_else(begin);
    loop {
        lease.keep(env).await?;
        let rows = Rows {
            through: Some(through),
            changed: false,
            limit: env.config.worker.batch,
        };
        let page = pages::page(env, mapped, lease, StoreCall::ReadBack, &walk.piece, rows).await?;
        walk.n += u64::try_from(page.rows.len()).expect("a length fits 64 bits");
        let Some(next) = page.next else {
            return Ok(walk.n);
        };
        walk.piece = next;
        pieces::save(env, lease, Some(walk.clone())).await?;
        if lease.job.cancelling {
            return Ok(walk.n);
        }
    }
}
