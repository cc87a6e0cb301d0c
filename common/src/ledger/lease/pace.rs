//! The rate limit of a job: a batch begins only when its reserved time has come.

use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::types::Lease;

/// The most lost time that a throttled job makes up for, in milliseconds.
// The longest time that a claim takes. More would cause a burst after a pause.
const CATCH_UP_MS: i64 = 500;

impl Ledger {
    /// Reserves the time of a batch of `n` memories, for a throttled job as a whole. The job makes up for
    /// the time lost since its last batch, up to half a second.
    ///
    /// Returns `None` if the batch may start now, else the milliseconds to wait.
    pub async fn reserve(&self, lease: &Lease, n: u64) -> Result<Option<u64>, LedgerError> {
        if lease.job.per_second.is_none() {
            return Ok(None);
        }
        let id = lease.job.id.to_string();
        // At the pace that the ledger has now. At the older pace of the lease the time could be endless.
        let batch_ms = "CAST(COALESCE(CAST($2 AS DOUBLE PRECISION) / per_second, 0) AS BIGINT)";
        let till = format!(
            "({batch_ms} + CASE WHEN throttled_till > {{now}} - {CATCH_UP_MS} THEN throttled_till
                WHEN throttled_till > 0 THEN {{now}} - {CATCH_UP_MS} ELSE {{now}} END)"
        );
        // Made-up time is no waiting time.
        let reserved = sqlx::query(self.inner.sql(&format!(
            "-- ledger::reserve
            UPDATE jobs SET throttled_till = {till}, reserved_at = {{now}},
                throttled_ms = throttled_ms + CASE WHEN {till} > {{now}} THEN {till} - {{now}} ELSE 0 END
            WHERE id = $1 AND (per_second IS NULL OR throttled_till <= {{now}}) RETURNING id"
        )))
        .bind(&id)
        .bind(i64::try_from(n.saturating_mul(1000)).unwrap_or(i64::MAX / 4))
        .fetch_optional(&self.inner.write)
        .await?;
        if reserved.is_some() {
            return Ok(None);
        }
        // The time may have come meanwhile: then the caller tries again after 1 ms.
        Ok(Some(self.throttled(lease).await?.unwrap_or(1)))
    }

    /// Returns the milliseconds until the next batch of a throttled job may start; `None` if it may start now.
    pub async fn throttled(&self, lease: &Lease) -> Result<Option<u64>, LedgerError> {
        if lease.job.per_second.is_none() {
            return Ok(None);
        }
        let row = sqlx::query(self.inner.sql(
            "-- ledger::throttled
            SELECT CASE WHEN per_second IS NULL THEN 0 ELSE throttled_till - {now} END AS wait FROM jobs WHERE id = $1",
        ))
        .bind(lease.job.id.to_string())
        .fetch_one(&self.inner.read)
        .await?;
        Ok(Some(rows::number(&row, "wait")?).filter(|wait| *wait > 0))
    }
}
