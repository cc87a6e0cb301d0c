//! Forgetting released holds. Their names stay as long as the audit trail, and as long as a job names them.

use std::time::Duration;

use crate::ledger::db::{Ledger, LedgerError};

/// The most holds of one step.
const STEP: u64 = 100;

/// The least time that a released hold is kept, whatever the retention of the audit trail is.
// A worker that has read it may still record a memory that it keeps. Without the hold, nobody would queue that job again.
const LEAST: Duration = Duration::from_hours(1);

impl Ledger {
    /// Deletes holds that were released longer than `after` ago, at least an hour; returns whether there may be more.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    // A caller may place a hold with the same name again at this moment. One of the two waits for the row's lock.
    //
    // A subquery in place of `NOT EXISTS`: PostgreSQL would read all of `job_holds` for it.
    pub async fn forget_holds(&self, after: Duration) -> Result<bool, LedgerError> {
        let sql = self.inner.sql(&format!(
            "-- ledger::forget_holds
            WITH old AS MATERIALIZED (
                SELECT name FROM holds
                WHERE released_at IS NOT NULL AND released_at <= (SELECT {{now}}) - $1 AND settled = 1
                  AND (SELECT j.job_id FROM job_holds j WHERE j.hold = holds.name ORDER BY j.job_id LIMIT 1) IS NULL
                ORDER BY released_at LIMIT {STEP} {{skip_locked}}
            )
            DELETE FROM holds WHERE name IN (SELECT name FROM old) AND released_at IS NOT NULL AND settled = 1"
        ));
        let after_ms = i64::try_from(after.max(LEAST).as_millis()).unwrap_or(i64::MAX / 4);
        let deleted = sqlx::query(sql).bind(after_ms).execute(&self.inner.write).await?;
        Ok(deleted.rows_affected() >= STEP)
    }
}
