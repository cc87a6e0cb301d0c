//! Forgetting events of the audit trail.
//!
//! On PostgreSQL a worker's user may lack the right to delete events, so that a stolen password cannot remove the traces
//! of its use. Then `lethe forget-audit` deletes them as another user, and workers only look whether that happens.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::forget::{Step, ms};
use crate::ledger::db::{Dialect, Ledger, LedgerError};

/// The time after the retention by which events must be gone.
// `lethe forget-audit` runs once a day, and one run may fail.
pub(super) const GRACE: Duration = Duration::from_hours(48);

impl Ledger {
    /// Deletes some events of the audit trail whose retention has passed. Returns whether there may be more.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Rejected`] if the user of the URL may not delete events.
    pub async fn forget_audit(&self, after: Duration) -> Result<bool, LedgerError> {
        Ok(self.drop_events(after).await? == Step::More)
    }

    /// Deletes some events whose retention has passed, if this process may delete events. Otherwise warns if such events
    /// are still there.
    pub(super) async fn forget_events(&self, after: Duration) -> Result<Step, LedgerError> {
        if self.may_drop_events().await? {
            return self.drop_events(after).await;
        }
        let overdue = self.has_overdue_events(after.saturating_add(GRACE)).await?;
        let known = self.inner.overdue_events.swap(overdue, Ordering::Relaxed);
        if overdue && !known {
            tracing::warn!(
                "events of the audit trail are past their retention: run `lethe forget-audit` once a day, as a user who may delete them"
            );
        }
        Ok(Step::Nothing)
    }

    async fn drop_events(&self, after: Duration) -> Result<Step, LedgerError> {
        self.drop_some(
            "-- ledger::forget audit
            DELETE FROM audit_events WHERE id IN
                (SELECT id FROM audit_events WHERE at <= (SELECT {now}) - $1 ORDER BY at LIMIT $2)",
            after,
        )
        .await
    }

    /// Returns whether the user of the URL may delete events. A refused statement would fill PostgreSQL's log.
    async fn may_drop_events(&self) -> Result<bool, LedgerError> {
        if self.inner.dialect == Dialect::Sqlite {
            return Ok(true);
        }
        let text = "-- ledger::forget may drop events\nSELECT 1 AS allowed WHERE has_table_privilege('audit_events', 'DELETE')";
        let allowed = sqlx::query(self.inner.sql(text))
            .fetch_optional(&self.inner.read)
            .await?;
        Ok(allowed.is_some())
    }

    /// Returns whether there is an event that is older than `after`.
    async fn has_overdue_events(&self, after: Duration) -> Result<bool, LedgerError> {
        let found = sqlx::query(self.inner.sql(
            "-- ledger::forget overdue events
            SELECT 1 AS found FROM audit_events WHERE at <= (SELECT {now}) - $1 LIMIT 1",
        ))
        .bind(ms(after))
        .fetch_optional(&self.inner.read)
        .await?;
        Ok(found.is_some())
    }
}
