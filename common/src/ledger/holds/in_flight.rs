//! The batches that may have begun before a hold was written.

use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::types::InFlight;

/// The most jobs that are named.
const JOBS: usize = 1_000;

impl Ledger {
    /// Returns the jobs with a batch under way in a target and a table; absent: in any. Call it after [`Ledger::put_hold`].
    ///
    /// A batch that it does not list has no intent yet, or its worker asks for the holds before it goes on. The list may
    /// name too many jobs.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    // The conditions on the state are spelled as in the index `partitions_alone`, which has all running partitions. The
    // partitions come first, whole: otherwise PostgreSQL may read the primary key in the order of jobs. The condition on
    // the place is hidden: for its sake PostgreSQL may read all of `partitions_queue`, which has the target.
    //
    // A worker that has lost its lease may still wait for one call. That call ends within the time of a lease.
    pub async fn in_flight(&self, target: Option<&str>, table: Option<&str>) -> Result<InFlight, LedgerError> {
        // Without a value the condition is constant.
        let of = |column, value: Option<&str>| if value.is_some() { column } else { "''" };
        let (targets, tables) = (of("target", target), of("table_name", table));
        let text = format!(
            "-- ledger::in_flight
            WITH begun AS MATERIALIZED (
                SELECT job_id FROM partitions
                WHERE state IN ({{partition.due}}, {{partition.running}}) AND (weight > 0 OR state = {{partition.running}})
                  AND state = {{partition.running}} AND intent IS NOT NULL AND due_at > (SELECT {{now}}) - $1
                  AND CASE WHEN {targets} = $2 AND {tables} = $3 THEN TRUE ELSE FALSE END
            )
            SELECT job_id, COUNT(*) AS n FROM begun GROUP BY job_id ORDER BY job_id LIMIT $4"
        );
        let lease_ms = i64::try_from(self.inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
        let most = i64::try_from(JOBS + 1).unwrap_or(i64::MAX);
        let found = sqlx::query(self.inner.sql(&text))
            .bind(lease_ms)
            .bind(target.unwrap_or_default())
            .bind(table.unwrap_or_default())
            .bind(most)
            .fetch_all(&self.inner.read)
            .await?;
        let mut jobs = Vec::with_capacity(found.len().min(JOBS));
        for row in found.iter().take(JOBS) {
            jobs.push((rows::parsed(row, "partitions", "job_id")?, rows::number(row, "n")?));
        }
        Ok(InFlight {
            jobs,
            more: found.len() > JOBS,
        })
    }
}
