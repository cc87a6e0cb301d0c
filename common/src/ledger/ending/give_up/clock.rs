//! The clock of a job: the idle time that counts towards its limit.

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::error_code::StoredCode;
use crate::job::{JobId, SelectorKind};
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::schedule::Windows;
use crate::state::State;

/// A job that may have been idle for too long. Times are milliseconds since 1970.
pub(super) struct Idle {
    pub(super) id: JobId,
    /// Whether it is by subject or query.
    pub(super) unlisted: bool,
    /// Whether it is being cancelled: memories of partitions that have not begun count as left.
    pub(super) cancelling: bool,
    /// The last error that it met.
    pub(super) error_code: Option<StoredCode>,
    /// The start of its clock.
    pub(super) since: i64,
    /// The ledger's time.
    pub(super) now: i64,
    /// The times at which its batches may begin; absent: at any time.
    windows: Option<Windows>,
}

impl Idle {
    pub(super) fn read(row: &AnyRow) -> Result<Self, LedgerError> {
        let cancelling = rows::says(row, "state", State::Cancelling)?;
        // A batch that has begun does not wait for the rate limit, which may let the next one begin in thirty years.
        let waits_for_turn = !cancelling && row.try_get::<i64, _>("begun")? == 0;
        let times = [
            row.try_get("accepted_at")?,
            row.try_get("not_before")?,
            row.try_get::<Option<i64>, _>("progressed_at")?.unwrap_or(0),
            row.try_get::<Option<i64>, _>("reserved_at")?.unwrap_or(0),
            row.try_get::<Option<i64>, _>("throttled_till")?
                .filter(|_| waits_for_turn)
                .unwrap_or(0),
        ];
        // A cancelled job finishes begun batches at any time. Windows that cannot be read do not stop the clock:
        // otherwise the job could never run, and would never end.
        let windows = match row.try_get::<Option<String>, _>("windows")? {
            Some(_) if !cancelling => rows::json(row, "jobs", "windows").ok(),
            _ => None,
        };
        Ok(Self {
            id: rows::parsed(row, "jobs", "id")?,
            cancelling,
            unlisted: !rows::says(row, "kind", SelectorKind::Ids)?,
            error_code: rows::code(row, "error_code")?,
            since: times.into_iter().max().unwrap_or(0),
            now: row.try_get("now_ms")?,
            windows,
        })
    }

    /// Returns the milliseconds for which its clock has run. `pauses` are sorted.
    pub(super) fn idle_ms(&self, pauses: &[(i64, i64)]) -> i64 {
        let windows = self.windows.as_ref();
        let Some(closed) = windows.and_then(|windows| windows.closed_between(self.since, self.now)) else {
            return running_ms(self.since, self.now, pauses);
        };
        let mut both = [pauses, &closed].concat();
        both.sort_unstable();
        running_ms(self.since, self.now, &both)
    }

    /// Returns the milliseconds until its next window opens; 0 if one is open.
    pub(super) fn opens_in_ms(&self) -> i64 {
        let windows = self.windows.as_ref().filter(|windows| windows.are_readable());
        windows.map_or(0, |windows| {
            i64::try_from(windows.wait(self.now).as_millis()).unwrap_or(0)
        })
    }
}

/// Returns the pauses of everything or of one of the targets, from `since` on, sorted. A pause that lasts ends at
/// `i64::MAX`.
pub(super) async fn stops(
    inner: &Inner,
    tx: &mut AnyConnection,
    targets: &str,
    since: i64,
) -> Result<Vec<(i64, i64)>, LedgerError> {
    let scopes: Vec<_> = targets
        .split(',')
        .chain(["*"])
        .map(|scope| json!({"scope": scope}))
        .collect();
    let rows = sqlx::query(inner.sql(
        "-- ledger::give_up pauses
        SELECT paused_at, resumed_at FROM past_pauses
        WHERE resumed_at > $2 AND scope IN (SELECT e.value->>'scope' FROM {each})
        UNION ALL
        SELECT paused_at, CAST(NULL AS BIGINT) AS resumed_at FROM pauses
        WHERE scope IN (SELECT e.value->>'scope' FROM {each})
        ORDER BY paused_at",
    ))
    .bind(json!(scopes).to_string())
    .bind(since)
    .fetch_all(tx)
    .await?;
    let stop = |row: &AnyRow| {
        let until: Option<i64> = row.try_get("resumed_at")?;
        Ok((row.try_get("paused_at")?, until.unwrap_or(i64::MAX)))
    };
    rows.iter().map(stop).collect()
}

/// Returns the milliseconds between `since` and `now` that are in none of `stops`. The stops are sorted and may
/// overlap.
fn running_ms(since: i64, now: i64, stops: &[(i64, i64)]) -> i64 {
    let (mut ran, mut at) = (0, since);
    for (from, until) in stops {
        ran += (*from.min(&now) - at).max(0);
        at = at.max(*until);
    }
    ran + (now.saturating_sub(at)).max(0)
}

#[cfg(test)]
mod tests {
    use super::running_ms;

    #[test]
    fn stops_that_overlap_count_once() {
        for (stops, ran) in [
            (vec![], 100),
            (vec![(10, 20)], 90),
            (vec![(10, 30), (20, 40)], 70),
            (vec![(10, 60), (20, 40)], 50),
            (vec![(-50, 5), (95, i64::MAX)], 90),
            (vec![(-50, -10), (100, 200)], 100),
            (vec![(-50, i64::MAX), (10, 20)], 0),
        ] {
            assert_eq!(running_ms(0, 100, &stops), ran, "{stops:?}");
        }
        assert_eq!(running_ms(200, 100, &[(0, 50)]), 0, "its clock has not begun");
    }
}
