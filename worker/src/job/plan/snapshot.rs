//! The snapshot of a query: rows that are written or changed after its start stay.
//!
//! Its bound is the greatest time of writing among the matching rows. Clocks tick: rows that are written in the
//! same second have the same time. So a snapshot waits until its last tick is over, and includes every row of
//! that tick. A row that is written later with an earlier time (by a slow clock, or backdated) looks like a row
//! of the start.
//!
//! If one statement about all rows exceeds the time limit of a call, they are read in pieces (`plan/walk.rs`).
//!
//! Moments are stored as moments, whatever the column's type; other times in the database's words.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use lethe_common::config::Table;
use lethe_common::filter::Unit;
use lethe_common::job::StoreKind;
use lethe_common::ledger::Snapshot;
use lethe_common::metrics::StoreCall;

use super::walk;
use crate::job::conditions::conditions;
use crate::job::cursor::Cursor;
use crate::job::pieces;
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::store::sql::SqlTable;
use crate::store::{Start, StoreError, TimeBound};
use crate::targets::Mapped;

/// The longest wait for a tick: the clocks of writers may be a second ahead of this one.
pub(super) const AHEAD: Duration = Duration::from_secs(2);

/// The longest tick.
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Takes the snapshot of a query and adds it to the lease, before anything is cut. The first record of the plan
/// stores it. If the worker dies before, nothing is lost: another attempt may take a later snapshot.
pub(super) async fn snapshot(
    env: &Environment,
    mapped: &Mapped,
    lease: &mut LeaseGuard,
) -> Result<Option<Snapshot>, Stop> {
    if lease.job.query.is_none() || lease.snapshot.is_some() || Cursor::of(lease).has_begun() {
        return Ok(None);
    }
    let start = match start(env, mapped, lease).await? {
        Told::ByTimes(start) => start,
        Told::Otherwise(snapshot) => return Ok(Some(snapshot)),
    };
    let units = units(&mapped.table);
    let times = [Some(&start.written), start.changed.as_ref()];
    let rest = times
        .into_iter()
        .zip(units)
        .filter_map(|(time, unit)| Some(tick_left(time?, unit, env.clock.now())))
        .max();
    pass(env, lease, rest.unwrap_or_default()).await?;
    let text = serde_json::to_string(&start).expect("texts are always JSON");
    lease.began_with(text.clone());
    Ok(Some(Snapshot::CreatedAt(text)))
}

/// The kind of a query's snapshot.
enum Told {
    /// By the times of the rows.
    ByTimes(Start),
    /// Of another kind.
    Otherwise(Snapshot),
}

impl Told {
    /// Returns a snapshot by times, if there is a bound. Else each batch takes the rows that match when it begins.
    fn of(start: Option<Start>) -> Self {
        start.map_or(Self::Otherwise(Snapshot::Batch), Self::ByTimes)
    }
}

/// Returns the bound by times, or another kind of snapshot.
async fn start(env: &Environment, mapped: &Mapped, lease: &mut LeaseGuard) -> Result<Told, Stop> {
    let Some(table) = mapped.sql().await? else {
        return Ok(Told::Otherwise(Snapshot::Plan));
    };
    let mut walk = Cursor::of(lease).walk;
    if walk.is_none() {
        walk = match whole(env, mapped, &table, lease).await {
            Ok(start) => return Ok(Told::of(start)),
            Err(Stop::Store(StoreError::Timeout { .. })) => Some(walk::begin(env, mapped, &table, lease).await?),
            Err(stop) => return Err(stop),
        };
    }
    while let Some(from) = walk {
        let then = match walk::step(env, mapped, &table, lease, from).await? {
            ControlFlow::Continue(then) => Some(then),
            ControlFlow::Break(start) => return Ok(Told::of(start)),
        };
        pieces::save(env, lease, then.clone()).await?;
        // A job that is being cancelled cuts nothing.
        walk = then.filter(|_| !lease.job.cancelling);
    }
    Ok(Told::Otherwise(Snapshot::Batch))
}

/// Waits, in steps of at most the time limit of a call, and renews the lease between them.
pub(super) async fn pass(env: &Environment, lease: &LeaseGuard, time: Duration) -> Result<(), Stop> {
    let mut left = time;
    while !left.is_zero() {
        lease.keep(env).await?;
        let step = left.min(env.config.worker.store_timeout);
        tokio::time::sleep(step).await;
        left -= step;
    }
    lease.keep(env).await
}

/// Finds the bound by statements about all rows.
async fn whole(
    env: &Environment,
    mapped: &Mapped,
    table: &SqlTable,
    lease: &LeaseGuard,
) -> Result<Option<Start>, Stop> {
    let conditions = conditions(lease);
    let decided = table.decided(&conditions);
    env.call(mapped, StoreKind::Sql, StoreCall::Count, decided).await?;
    lease.keep(env).await?;
    let start = table.start(&conditions);
    Ok(env.call(mapped, StoreKind::Sql, StoreCall::Count, start).await?)
}

/// Returns the units of the times of writing and of changing, if the mapping has them.
fn units(table: &Table) -> [Option<Unit>; 2] {
    let columns = table.columns.as_ref();
    let unit = |column: &String| {
        let mut counted = table.counted.iter();
        let same = counted.find(|(name, _)| name.eq_ignore_ascii_case(column));
        same.map(|(_, unit)| *unit)
    };
    [
        columns.and_then(|columns| columns.created_at.as_ref()).and_then(unit),
        columns.and_then(|columns| columns.updated_at.as_ref()).and_then(unit),
    ]
}

/// Returns the rest of the tick of a time, if it ends within [`AHEAD`] from now; otherwise zero.
fn tick_left(time: &TimeBound, unit: Option<Unit>, now: Timestamp) -> Duration {
    let TimeBound::UpTo(time) = time else {
        return Duration::ZERO;
    };
    let Some((begin, tick)) = moment(time, unit) else {
        return Duration::ZERO;
    };
    let left = now.duration_until(begin) + jiff::SignedDuration::try_from(tick).unwrap_or_default();
    if left.is_negative() || left.unsigned_abs() > AHEAD {
        return Duration::ZERO;
    }
    left.unsigned_abs()
}

/// Returns the start and the length of a time's tick.
///
/// Numbers have the mapping's unit.
/// Without one, whole numbers from 0 to below 10^11 are seconds, and others milliseconds.
fn moment(time: &str, unit: Option<Unit>) -> Option<(Timestamp, Duration)> {
    // SQLite's numbers carry a letter for their type.
    let time = time.strip_prefix(['i', 'r']).unwrap_or(time);
    if let Ok(number) = time.parse::<i64>() {
        let likely = if (0..100_000_000_000).contains(&number) {
            Unit::Seconds
        } else {
            Unit::Milliseconds
        };
        return match unit.unwrap_or(likely) {
            Unit::Seconds => Some((Timestamp::from_second(number).ok()?, SECOND)),
            Unit::Milliseconds => Some((Timestamp::from_millisecond(number).ok()?, Duration::from_millis(1))),
        };
    }
    if let Ok(number) = time.parse::<f64>()
        && unit != Some(Unit::Milliseconds)
        && number.fract() == 0.0
        && (0.0..1e11).contains(&number)
    {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and small")]
        let seconds = number as i64;
        return Some((Timestamp::from_second(seconds).ok()?, SECOND));
    }
    if time.contains('.') {
        // Times with fractions of a second need no wait: two rows hardly share one.
        return None;
    }
    Some((time.parse().ok()?, SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_waits_for_the_end_of_its_last_tick_and_for_nothing_else() {
        let now = Timestamp::from_millisecond(1_767_225_600_250).unwrap();
        let left = |time: &str| tick_left(&TimeBound::UpTo(time.to_owned()), None, now).as_millis();
        for (time, expected) in [
            // The second that is running, and the one after it.
            ("1767225600", 750),
            ("i1767225600", 750),
            ("i1767225601", 1_750),
            ("r1767225600.0", 750),
            ("2026-01-01T00:00:00Z", 750),
            ("1767225600250", 1),
            // Over, far ahead, finer than a tick, or no time at all.
            ("1767225599", 0),
            ("1767225700", 0),
            ("r1767225600.25", 0),
            ("2026-01-01T00:00:00.25Z", 0),
            ("7", 0),
            ("yesterday", 0),
        ] {
            assert_eq!(left(time), expected, "{time}");
        }
        assert_eq!(tick_left(&TimeBound::Unknown, None, now), Duration::ZERO);
        let counted = |time: &str, unit| tick_left(&TimeBound::UpTo(time.to_owned()), Some(unit), now).as_millis();
        assert_eq!(counted("1767225600", Unit::Seconds), 750);
        assert_eq!(counted("1767225600", Unit::Milliseconds), 0);
        assert_eq!(counted("r1767225600.0", Unit::Milliseconds), 0);
    }
}
