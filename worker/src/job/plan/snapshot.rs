//! What a query finds at its start, so that what is written or changed later stays.
//!
//! By the greatest time of writing among what it matches then. Clocks tick: a row that is written in the same
//! second as that one has the same time. So a start waits until its last tick is over, and what was written in
//! it was there. What is written later with an earlier time (a clock that is behind, a row that was dated back)
//! cannot be told from what was there.
//!
//! Where one statement about all rows takes longer than a call may, they are read in pieces (`plan/walk.rs`).
//!
//! Times that are moments are kept as one, whatever the column holds them as; others in the database's words.

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

/// How long a start waits at most: the clocks of those who write rows may be a second ahead of this one.
pub(super) const AHEAD: Duration = Duration::from_secs(2);

/// The longest tick.
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Returns how a query tells what is there at its start, and takes it over into the lease, before
/// anything is cut. It is kept with the first of what is cut: until then nothing has happened, and
/// whoever begins anew may take a later one.
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

/// How a query tells what was there at its start.
enum Told {
    /// By the times of what was there.
    ByTimes(Start),
    /// In another way.
    Otherwise(Snapshot),
}

impl Told {
    /// By times, if there is a bound; else each batch takes what matches at its time.
    fn of(start: Option<Start>) -> Self {
        start.map_or(Self::Otherwise(Snapshot::Batch), Self::ByTimes)
    }
}

/// Returns what is there by its times, or how else it is told.
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
        // Then nothing is cut.
        walk = then.filter(|_| !lease.job.cancelling);
    }
    Ok(Told::Otherwise(Snapshot::Batch))
}

/// Lets time pass, never more at once than a call may take: so long a lease lasts.
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

/// Asks about all rows at once.
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

/// Returns what the times of writing and of changing count, where the mapping says it.
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

/// Returns how long the tick lasts that a time is in, if it is in one of about now.
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

/// Returns when a tick began and how long it is.
///
/// Numbers count what the mapping says, else seconds or milliseconds, whichever makes them a time of this
/// century.
fn moment(time: &str, unit: Option<Unit>) -> Option<(Timestamp, Duration)> {
    // SQLite's numbers are marked with their type.
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
        // Finer than anybody writes twice.
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
