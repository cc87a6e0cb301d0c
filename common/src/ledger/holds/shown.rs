//! Reads for pages of the console: the holds that keep memories of a job, and changed holds whose jobs still wait.

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::types::HoldCount;

/// The most holds of a job that a page names.
const NAMED: u32 = 100;

/// The most holds that are counted.
const COUNTED: u32 = 1_000;

impl Ledger {
    /// Returns the holds that keep memories of a job, by name: the first 100. Each has its newest revision, and its
    /// memories under all of them. A hold whose ground was changed meanwhile is there once for each ground.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn holds_of(&self, job: JobId) -> Result<Vec<HoldCount>, LedgerError> {
        let found = sqlx::query(self.inner.sql(&format!(
            "-- ledger::holds_of
            SELECT MIN(job_id) AS id, hold, MAX(revision) AS revision, ground, CAST(SUM(n) AS BIGINT) AS n
            FROM job_holds WHERE job_id = $1 GROUP BY hold, ground ORDER BY hold, ground LIMIT {NAMED}",
        )))
        .bind(job.to_string())
        .fetch_all(&self.inner.read)
        .await?;
        found.iter().map(count).collect()
    }

    /// Returns the number of holds that were released longer than `after` ago and may still keep jobs waiting, and of
    /// those whose time passed so long ago and that are still in force. Counts up to 1,000 of each.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn late_holds(&self, after: Duration) -> Result<u64, LedgerError> {
        // The orders are those of the indexes, so that the databases take them.
        let row = sqlx::query(self.inner.sql(&format!(
            "-- ledger::late_holds
            SELECT CAST((SELECT COUNT(*) FROM (
                    SELECT 1 FROM holds WHERE settled = 0 AND released_at < (SELECT {{now}}) - $1
                    ORDER BY '' || name LIMIT {COUNTED}) AS released)
                + (SELECT COUNT(*) FROM (
                    SELECT 1 FROM holds
                    WHERE released_at IS NULL AND until_at IS NOT NULL AND until_at < (SELECT {{now}}) - $1
                    ORDER BY until_at LIMIT {COUNTED}) AS expired) AS BIGINT) AS n",
        )))
        .bind(i64::try_from(after.as_millis()).unwrap_or(i64::MAX / 4))
        .fetch_one(&self.inner.read)
        .await?;
        rows::number(&row, "n")
    }
}

fn count(row: &AnyRow) -> Result<HoldCount, LedgerError> {
    Ok(HoldCount {
        hold: row.try_get("hold")?,
        revision: row.try_get("revision")?,
        ground: rows::parsed(row, "job_holds", "ground")?,
        n: rows::number(row, "n")?,
    })
}
