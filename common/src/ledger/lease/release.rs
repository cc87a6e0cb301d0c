//! Releasing partitions, now or for later. Only a charged release counts as a failed attempt.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::error_code::ErrorCode;
use crate::ledger::db::rows::{self, Key};
use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::ending::leave_given_back;
use crate::ledger::types::{Fence, JobEnd};

/// The release of a partition.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// The lease.
    pub fence: Fence,
    /// The backoff: milliseconds from now until the next attempt.
    pub delay_ms: u64,
    /// The error that caused the release, if there is one. The job shows it.
    pub error: Option<ErrorCode>,
    /// Whether this was a failed attempt of the partition. A group that met a store that is down charges no member.
    pub charged: bool,
    /// Whether the partition must run alone from now on.
    pub alone: bool,
}

impl Ledger {
    /// Releases partitions, now or for later.
    ///
    /// A partition whose lease was lost is skipped without an error: another worker may hold it. Its job stays as it is,
    /// too. In a job that is being cancelled, partitions that have not begun end. Returns the jobs that ended by this.
    pub async fn release(&self, releases: &[Release]) -> Result<Vec<JobEnd>, LedgerError> {
        let rows: Vec<Value> = releases
            .iter()
            .map(|release| {
                let mut row = rows::fence(release.fence);
                row["delay"] = json!(release.delay_ms);
                row["error"] = json!(release.error);
                row["charged"] = json!(i64::from(release.charged));
                row["alone"] = json!(i64::from(release.alone));
                row
            })
            .collect();
        let mut tx = self.inner.begin().await?;
        let held = sqlx::query(self.inner.sql(&format!(
            "-- ledger::release
            UPDATE partitions SET state = {{partition.due}}, worker = NULL,
                due_at = {{now}} + CAST(e.value->>'delay' AS BIGINT),
                failures = failures + CAST(e.value->>'charged' AS BIGINT),
                error_code = COALESCE(e.value->>'error', error_code),
                weight = CASE WHEN CAST(e.value->>'alone' AS BIGINT) = 1 AND weight <= 0 THEN 1 ELSE weight END
            FROM {{each}} WHERE {HELD}
            RETURNING partitions.job_id, ordinal",
            HELD = rows::HELD
        )))
        .bind(json!(rows).to_string())
        .fetch_all(&mut *tx)
        .await?;
        let held: HashSet<Key> = held.iter().map(rows::key).collect::<Result<_, _>>()?;
        // A worker without the lease knows nothing of the job's present attempt.
        let done: Vec<&Value> = releases
            .iter()
            .zip(&rows)
            .filter(|(release, _)| held.contains(&(release.fence.job, release.fence.ordinal)))
            .map(|(_, row)| row)
            .collect();
        let list = json!(done).to_string();
        let ended = leave_given_back(&self.inner, &mut tx, &list).await?;
        // A partition that failed for good stays the job's error: the job will end with it.
        // `+ 0` keeps PostgreSQL from using an index of unfinished jobs, as in `HELD`.
        sqlx::query(self.inner.sql(
            "-- ledger::release jobs
            UPDATE jobs SET version = version + 1,
                error_code = CASE WHEN failures = 0 THEN e.value->>'error' ELSE error_code END
            FROM {each} WHERE jobs.id = e.value->>'job' AND jobs.id {in_jobs} AND e.value->>'error' IS NOT NULL
              AND jobs.ended_at + 0 IS NULL",
        ))
        .bind(&list)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(ended)
    }
}
