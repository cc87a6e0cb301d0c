//! The state of the log, for gauges.

use sqlx::Row as _;

use crate::ledger::db::{Ledger, LedgerError, rows};

/// The state of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogState {
    /// The entries of the log.
    pub entries: u64,
    /// Receipts without a place in the log; of more than 100,000, so many.
    pub unsequenced: u64,
    /// The age in milliseconds of the oldest receipt or event that no signed checkpoint covers; 0 without one.
    pub lag_ms: u64,
}

impl Ledger {
    /// Returns the state of the log.
    // The count has a bound, so a scrape costs the same however long no sequencer has run.
    pub async fn log_state(&self) -> Result<LogState, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::log state
            SELECT size, {now} AS now_ms, CASE WHEN signed < size THEN moved_at END AS moved_ms,
                (SELECT COUNT(*) FROM
                    (SELECT id FROM receipts WHERE log_index IS NULL ORDER BY id LIMIT 100000) AS open) AS receipts,
                (SELECT ended_at FROM receipts WHERE log_index IS NULL ORDER BY id LIMIT 1) AS ended_ms,
                (SELECT at FROM log_pending ORDER BY id LIMIT 1) AS at_ms
            FROM log_head WHERE id = 1",
        ))
        .fetch_one(&self.inner.read)
        .await?;
        let since: [Option<i64>; 3] = [
            row.try_get("moved_ms")?,
            row.try_get("ended_ms")?,
            row.try_get("at_ms")?,
        ];
        let now: i64 = row.try_get("now_ms")?;
        let oldest = since.into_iter().flatten().min();
        Ok(LogState {
            entries: rows::number(&row, "size")?,
            unsequenced: rows::number(&row, "receipts")?,
            lag_ms: oldest.map_or(0, |at| u64::try_from(now.saturating_sub(at)).unwrap_or(0)),
        })
    }
}
