//! The workers that a scrape counts: the mappings that they serve, those that do not fit, and gone workers.
//!
//! A worker that stops in order deletes its report. A report that grows old belongs to a worker that was killed, hangs,
//! or does not reach the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::Row;

use super::troubles::Troubles;
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The workers of the last hour, for gauges computed at scrape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenWorkers {
    /// The routes of the workers that still report.
    pub routes: BTreeSet<String>,
    /// The tables whose mappings do not fit, by target, as one of these workers reports it.
    pub unfit: BTreeMap<String, BTreeSet<String>>,
    /// The number of workers that report no more, did not stop in order, and were not replaced by a worker that started
    /// later.
    pub gone: u64,
}

impl Ledger {
    /// Returns the workers that reported within the last hour. A worker reports no more if its last report is older
    /// than `silent`.
    pub async fn seen_workers(&self, silent: Duration) -> Result<SeenWorkers, LedgerError> {
        let reports = sqlx::query(self.inner.sql(
            "-- ledger::seen_workers
            SELECT name, routes, troubles, started_at, last_seen_at, (SELECT {now}) AS now_ms FROM workers
            WHERE last_seen_at >= (SELECT {now}) - 3600000",
        ))
        .fetch_all(&self.inner.read)
        .await?;
        let silent = i64::try_from(silent.as_millis()).unwrap_or(i64::MAX);
        let mut seen = SeenWorkers::default();
        let (mut starts, mut quiet) = (Vec::new(), Vec::new());
        for row in &reports {
            let last = row.try_get("last_seen_at")?;
            if row.try_get::<i64, _>("now_ms")?.saturating_sub(last) > silent {
                quiet.push(last);
            } else {
                seen.routes.extend(rows::json::<Vec<String>>(row, "workers", "routes")?);
                // A worker of another version may report otherwise. It serves its mappings, too.
                let troubles: String = row.try_get("troubles")?;
                let troubles: Troubles = serde_json::from_str(&troubles).unwrap_or_default();
                for (target, trouble) in troubles.into_iter().filter(|(_, trouble)| !trouble.unfit.is_empty()) {
                    seen.unfit.entry(target).or_default().extend(trouble.unfit);
                }
            }
            starts.push(row.try_get("started_at")?);
        }
        seen.gone = gone(starts, quiet);
        Ok(seen)
    }
}

/// Returns the number of workers that fell silent at the times `quiet` and have no replacement, among workers that started
/// at `starts`. A worker replaces one that reported for the last time before it started.
fn gone(mut starts: Vec<i64>, mut quiet: Vec<i64>) -> u64 {
    starts.sort_unstable();
    quiet.sort_unstable();
    let mut starts = starts.into_iter();
    // The earliest silence takes the earliest start after it, so no start is wasted.
    let replaced = quiet.iter().filter(|last| starts.any(|first| first > **last)).count();
    u64::try_from(quiet.len().saturating_sub(replaced)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the gone workers among these, by their first and last reports. A worker whose last report came at 100 still
    /// reports.
    fn count(lives: &[(i64, i64)]) -> u64 {
        let quiet = lives.iter().map(|life| life.1).filter(|last| *last < 100).collect();
        gone(lives.iter().map(|life| life.0).collect(), quiet)
    }

    #[test]
    fn a_later_start_replaces_one_silent_worker() {
        let cases: [(&[(i64, i64)], u64); 9] = [
            (&[], 0),
            (&[(0, 100), (0, 100)], 0),
            (&[(0, 100), (0, 50)], 1),
            (&[(0, 50), (60, 100)], 0),
            (&[(0, 50), (50, 100)], 1),
            (&[(0, 50), (0, 55), (60, 100)], 1),
            // A worker that crashes again and again was replaced each time.
            (&[(0, 10), (20, 30), (40, 50), (60, 100)], 0),
            (&[(0, 10), (20, 30), (40, 50)], 1),
            // The start at 20 replaces the first one only.
            (&[(0, 10), (0, 30), (20, 100), (40, 100)], 0),
        ];
        for (lives, expected) in cases {
            assert_eq!(count(lives), expected, "{lives:?}");
        }
    }
}
