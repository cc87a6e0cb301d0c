//! Forgetting: when the retention of an ended job has passed, its ids and all that is personal
//! leave the ledger; the counts stay.

use std::time::Duration;

use sqlx::Row;

use super::error::LedgerError;
use super::open::Ledger;

/// The most jobs forgotten by one step.
// Each is a transaction of its own, so claims never wait for more than one of them.
const STEP: i64 = 20;

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

impl Ledger {
    /// Forgets the ids of jobs that ended longer than `items` ago, and deletes jobs that ended
    /// longer than `jobs` ago, with the idempotency keys that are as old. Returns how many were
    /// forgotten.
    pub async fn forget(&self, items: Duration, jobs: Duration, keys: Duration) -> Result<usize, LedgerError> {
        let inner = &self.inner;
        let due = sqlx::query(inner.sql(
            "-- ledger::forget due
            SELECT id FROM jobs WHERE ended_at IS NOT NULL AND forgotten_at IS NULL AND ended_at <= {now} - $1
            ORDER BY ended_at LIMIT $2",
        ))
        .bind(ms(items))
        .bind(STEP)
        .fetch_all(&inner.read)
        .await?;
        for row in &due {
            let id: String = row.try_get(0)?;
            let summary = serde_json::to_string(&self.store_counts(&id).await?).unwrap_or_default();
            let mut tx = inner.begin().await?;
            let forgotten = sqlx::query(inner.sql(
                "-- ledger::forget
                UPDATE jobs SET forgotten_at = {now}, summary = $2, subject = NULL, query = NULL, owner = NULL, workspace = NULL,
                    memory_kind = NULL, opaque_id = NULL
                WHERE id = $1 AND ended_at <= {now} - $3 AND forgotten_at IS NULL",
            ))
            .bind(&id)
            .bind(&summary)
            .bind(ms(items))
            .execute(&mut *tx)
            .await?;
            // Retried in the meantime: not this time.
            if forgotten.rows_affected() == 1 {
                for sql in [
                    "DELETE FROM items WHERE job_id = $1",
                    "DELETE FROM counts WHERE job_id = $1",
                    "DELETE FROM partitions WHERE job_id = $1",
                ] {
                    sqlx::query(inner.sql(sql)).bind(&id).execute(&mut *tx).await?;
                }
            }
            tx.commit().await?;
        }
        for (sql, age) in [
            (
                "-- ledger::forget jobs
                DELETE FROM jobs WHERE id IN
                    (SELECT id FROM jobs WHERE forgotten_at IS NOT NULL AND ended_at <= {now} - $1 LIMIT $2)",
                jobs,
            ),
            (
                // A key lives at least as long as its job has not ended.
                "-- ledger::forget keys
                DELETE FROM idempotency WHERE job_id IN
                    (SELECT i.job_id FROM idempotency i LEFT JOIN jobs j ON j.id = i.job_id
                     WHERE i.created_at <= {now} - $1 AND (j.id IS NULL OR j.ended_at <= {now} - $1) LIMIT $2)",
                keys,
            ),
        ] {
            sqlx::query(inner.sql(sql))
                .bind(ms(age))
                .bind(STEP)
                .execute(&inner.write)
                .await?;
        }
        Ok(due.len())
    }
}
