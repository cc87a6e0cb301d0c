//! Deleting the result of an ended job as a task.

use crate::job::JobId;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Ledger, LedgerError};

impl Ledger {
    /// Deletes the result of an ended job as a task; returns whether the job had ended. The job stays.
    pub async fn forget_task(&self, id: JobId, by: &Actor) -> Result<bool, LedgerError> {
        let mut tx = self.inner.begin().await?;
        let forgotten = sqlx::query(self.inner.sql(
            "-- ledger::forget_task
            UPDATE jobs SET task_forgotten = 1 WHERE id = $1 AND ended_at IS NOT NULL RETURNING id",
        ))
        .bind(id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        if forgotten.is_none() {
            return Ok(false);
        }
        let deed = Deed::new(Act::TaskForget, Object::Job(id));
        audit::commit(&self.inner, tx, by, deed).await?;
        Ok(true)
    }
}
