//! Windows: the times at which batches of a scheduled job may begin.
//!
//! A worker asks before every batch. If all windows are closed, it releases its partition until one
//! opens. A change of the windows makes the waiting partitions due at once, so that workers ask again.

use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::ending::leave_given_back;
use crate::ledger::types::{JobEnd, Lease};
use crate::schedule::Windows;

/// The column of a job's windows. A job that is being cancelled waits for none: its partitions end.
const WINDOWS: &str = "CASE WHEN state <> {job.cancelling} THEN windows END AS windows";

impl Ledger {
    /// Returns whether a job has to wait for a window before its next batch begins.
    pub async fn waits_for_window(&self, lease: &Lease) -> Result<bool, LedgerError> {
        if !lease.job.scheduled {
            return Ok(false);
        }
        let row = sqlx::query(self.inner.sql(&format!(
            "-- ledger::waits_for_window\nSELECT id, {WINDOWS}, {{now}} AS now_ms FROM jobs WHERE id = $1"
        )))
        .bind(lease.job.id.to_string())
        .fetch_one(&self.inner.read)
        .await?;
        Ok(wait_ms(&row)? > 0)
    }

    /// Releases a partition until its job's next window opens. No attempt is counted. Returns its job if that ended by
    /// this, since it was being cancelled.
    ///
    /// A partition whose lease was lost is skipped without an error: another worker may hold it.
    pub async fn release_until_window(&self, lease: &Lease) -> Result<Vec<JobEnd>, LedgerError> {
        let inner = &self.inner;
        let fence = lease.fence();
        let mut tx = inner.begin().await?;
        let given_back = sqlx::query(inner.sql(
            "-- ledger::release_until_window
            UPDATE partitions SET state = {partition.due}, due_at = {now}, worker = NULL
            WHERE job_id = $1 AND ordinal = $2 AND lease_token = $3 AND state = {partition.running} RETURNING ordinal",
        ))
        .bind(fence.job.to_string())
        .bind(fence.ordinal)
        .bind(fence.token)
        .fetch_optional(&mut *tx)
        .await?;
        if given_back.is_none() {
            return Ok(Vec::new());
        }
        // The update locks the job. So a change of the windows comes either before it, or after it and finds
        // the waiting partition.
        let row = sqlx::query(inner.sql(&format!(
            "-- ledger::release_until_window job
            UPDATE jobs SET version = version + 1 WHERE id = $1 RETURNING id, {WINDOWS}, {{now}} AS now_ms"
        )))
        .bind(fence.job.to_string())
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query(inner.sql(
            "-- ledger::release_until_window wait
            UPDATE partitions SET due_at = due_at + $4
            WHERE job_id = $1 AND ordinal = $2 AND lease_token = $3",
        ))
        .bind(fence.job.to_string())
        .bind(fence.ordinal)
        .bind(fence.token)
        .bind(wait_ms(&row)?)
        .execute(&mut *tx)
        .await?;
        let ended = leave_given_back(inner, &mut tx, &json!([rows::fence(fence)]).to_string()).await?;
        tx.commit().await?;
        Ok(ended)
    }
}

/// Returns the milliseconds until a window of a job is open, from the time in the row; 0 without windows.
fn wait_ms(row: &AnyRow) -> Result<i64, LedgerError> {
    if row.try_get::<Option<String>, _>("windows")?.is_none() {
        return Ok(0);
    }
    let windows: Windows = rows::json(row, "jobs", "windows")?;
    let wait = windows.wait(row.try_get("now_ms")?);
    Ok(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 4))
}
