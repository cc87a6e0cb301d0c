//! Forgetting that an ended job was a task.

use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError};

impl Ledger {
    /// Forgets that an ended job was a task; returns whether it had ended. The job stays.
    pub async fn forget_task(&self, id: JobId) -> Result<bool, LedgerError> {
        let forgotten = sqlx::query(self.inner.sql(
            "-- ledger::forget_task
            UPDATE jobs SET task_forgotten = 1 WHERE id = $1 AND ended_at IS NOT NULL RETURNING id",
        ))
        .bind(id.to_string())
        .fetch_optional(&self.inner.write)
        .await?;
        Ok(forgotten.is_some())
    }
}
