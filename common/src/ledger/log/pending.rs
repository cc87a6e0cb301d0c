//! Reading the receipts and audit events that have no place in the log yet.

use sqlx::Row as _;
use uuid::Uuid;

use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::receipts;

/// Whether the sequencer has work: a receipt or an event without a place, or a head without a signature.
// Sorted, so that PostgreSQL takes the index of these receipts. Without an order it may read the table.
pub(in crate::ledger) const IS_WAITING: &str = "
    CAST(CASE WHEN (SELECT id FROM receipts WHERE log_index IS NULL ORDER BY id LIMIT 1) IS NOT NULL
        OR (SELECT id FROM log_pending ORDER BY id LIMIT 1) IS NOT NULL
        OR (SELECT id FROM log_head WHERE signed < size OR checkpoint IS NULL) IS NOT NULL
    THEN 1 ELSE 0 END AS BIGINT)";

/// A receipt without a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReceipt {
    /// Its id.
    pub id: Uuid,
    /// Its statement: JSON, without issuer and key.
    pub body: String,
}

/// An audit event without a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEvent {
    /// Its id.
    pub id: String,
    /// Its entry.
    pub entry: String,
}

/// The receipts and events that come next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// Receipts, in the order of their endings.
    pub receipts: Vec<PendingReceipt>,
    /// Audit events, in the order of their acts.
    pub events: Vec<PendingEvent>,
    /// Whether there may be more.
    pub more: bool,
}

impl Ledger {
    /// Returns whether the sequencer has work.
    pub async fn log_waits(&self) -> Result<bool, LedgerError> {
        let text = format!("-- ledger::log waits\nSELECT {IS_WAITING} AS waits");
        let row = sqlx::query(self.inner.sql(&text)).fetch_one(&self.inner.read).await?;
        Ok(row.try_get::<i64, _>("waits")? == 1)
    }

    /// Returns the receipts and events that have no place in the log yet, at most `most` of each.
    pub async fn unsequenced(&self, most: u32) -> Result<Pending, LedgerError> {
        let receipts::Made { receipts, more } = receipts::unsequenced(&self.inner, most).await?;
        let receipts = receipts
            .into_iter()
            .map(|receipt| PendingReceipt {
                id: receipt.id,
                body: receipt.body,
            })
            .collect();
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::log pending events
            SELECT id, entry FROM log_pending ORDER BY id LIMIT $1",
        ))
        .bind(i64::from(most))
        .fetch_all(&self.inner.read)
        .await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            events.push(PendingEvent {
                id: row.try_get("id")?,
                entry: row.try_get("entry")?,
            });
        }
        let more = more || events.len() >= most as usize;
        Ok(Pending { receipts, events, more })
    }

    /// Has the sequencer of this process look for receipts and events at once.
    pub fn wake_log(&self) {
        self.inner.log.notify_one();
    }

    /// Waits until something of this process may need a place in the log.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no call of [`wake_log`](Self::wake_log).
    pub async fn log_woken(&self) {
        self.inner.log.notified().await;
    }
}
