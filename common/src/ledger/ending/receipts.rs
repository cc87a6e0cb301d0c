//! Forgetting receipts: their statements leave with the names of callers and targets, and their places in the log stay.
//!
//! The hash in the log then proves that there was a receipt, and says nothing about it. As with events of the audit trail,
//! a worker's user on PostgreSQL may lack the right. Then `lethe forget-audit` does it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::events::GRACE;
use super::forget::{Step, ms};
use crate::ledger::db::{Dialect, Ledger, LedgerError};

impl Ledger {
    /// Deletes the statements of some receipts whose retention has passed. Returns whether there may be more.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Rejected`] if the user of the URL may not change receipts.
    pub async fn forget_receipts(&self, after: Duration) -> Result<bool, LedgerError> {
        Ok(self.drop_statements(after).await? == Step::More)
    }

    /// Deletes the statements of some receipts whose retention has passed, if this process may do so. Otherwise warns if
    /// such statements are still there.
    pub(super) async fn forget_statements(&self, after: Duration) -> Result<Step, LedgerError> {
        if self.may_drop_statements().await? {
            return self.drop_statements(after).await;
        }
        let overdue = self.has_overdue_statements(after.saturating_add(GRACE)).await?;
        let known = self.inner.overdue_receipts.swap(overdue, Ordering::Relaxed);
        if overdue && !known {
            tracing::warn!(
                "receipts are past their retention: run `lethe forget-audit` once a day, as a user who may change them"
            );
        }
        Ok(Step::Nothing)
    }

    // Only a signed receipt has a statement: the log never misses one.
    async fn drop_statements(&self, after: Duration) -> Result<Step, LedgerError> {
        self.drop_some(
            "-- ledger::forget receipts
            UPDATE receipts SET body = NULL, head = NULL, signatures = NULL, principal = '', target = '', targets = ''
            WHERE id IN
                (SELECT id FROM receipts WHERE body IS NOT NULL AND ended_at <= (SELECT {now}) - $1 ORDER BY ended_at LIMIT $2)",
            after,
        )
        .await
    }

    /// Returns whether the user of the URL may change receipts. A refused statement would fill PostgreSQL's log.
    // The API may change the other columns, since it signs. Only the user of a process that forgets may change this one.
    async fn may_drop_statements(&self) -> Result<bool, LedgerError> {
        if self.inner.dialect == Dialect::Sqlite {
            return Ok(true);
        }
        let text = "-- ledger::forget may drop receipts\nSELECT 1 AS allowed WHERE has_column_privilege('receipts', 'principal', 'UPDATE')";
        let allowed = sqlx::query(self.inner.sql(text))
            .fetch_optional(&self.inner.read)
            .await?;
        Ok(allowed.is_some())
    }

    /// Returns whether there is a statement that is older than `after`.
    async fn has_overdue_statements(&self, after: Duration) -> Result<bool, LedgerError> {
        let found = sqlx::query(self.inner.sql(
            "-- ledger::forget overdue receipts
            SELECT 1 AS found FROM receipts WHERE body IS NOT NULL AND ended_at <= (SELECT {now}) - $1 LIMIT 1",
        ))
        .bind(ms(after))
        .fetch_optional(&self.inner.read)
        .await?;
        Ok(found.is_some())
    }
}
