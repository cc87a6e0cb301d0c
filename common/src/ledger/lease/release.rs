//! Giving partitions back, now or for later: an attempt is counted only if the partition was charged.

use serde_json::{Value, json};

use crate::error_code::ErrorCode;
use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::ending::leave_given_back;
use crate::ledger::types::Fence;

/// A partition to be given back.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// The lease.
    pub fence: Fence,
    /// When to try again, from now.
    pub delay_ms: u64,
    /// The error, if that is why: the job shows it.
    pub error: Option<ErrorCode>,
    /// Whether that was an attempt of this partition. A group that met a store that is down says nothing of its members.
    pub charged: bool,
    /// Whether it must run by itself from now on.
    pub alone: bool,
}

impl Ledger {
    /// Gives partitions back, now or for later.
    ///
    /// Those whose lease was lost are left out in silence: they are somebody else's. What has not begun of a job that
    /// is being cancelled ends. Returns the jobs that have ended by this.
    pub async fn release(&self, releases: &[Release]) -> Result<Vec<JobId>, LedgerError> {
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
        let list = json!(rows).to_string();
        let mut tx = self.inner.begin().await?;
        sqlx::query(self.inner.sql(&format!(
            "-- ledger::release
            UPDATE partitions SET state = {{partition.due}}, worker = NULL,
                due_at = {{now}} + CAST(e.value->>'delay' AS BIGINT),
                failures = failures + CAST(e.value->>'charged' AS BIGINT),
                error_code = COALESCE(e.value->>'error', error_code),
                weight = CASE WHEN CAST(e.value->>'alone' AS BIGINT) = 1 AND weight <= 0 THEN 1 ELSE weight END
            FROM {{each}} WHERE {HELD}",
            HELD = rows::HELD
        )))
        .bind(&list)
        .execute(&mut *tx)
        .await?;
        let ended = leave_given_back(&self.inner, &mut tx, &list).await?;
        sqlx::query(self.inner.sql(
            "-- ledger::release jobs
            UPDATE jobs SET version = version + 1, error_code = e.value->>'error'
            FROM {each} WHERE jobs.id = e.value->>'job' AND e.value->>'error' IS NOT NULL AND jobs.ended_at IS NULL",
        ))
        .bind(&list)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(ended)
    }
}
