//! The revision of the holds: a number that grows with each change. Workers ask for it before each batch.

use sqlx::{AnyConnection, Row as _};

use crate::ledger::db::{Inner, Ledger, LedgerError};

impl Ledger {
    /// Returns the revision of the holds. If a worker has read the holds at this revision, none has changed since.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn holds_revision(&self) -> Result<i64, LedgerError> {
        let row = sqlx::query(
            self.inner
                .sql("-- ledger::holds revision\nSELECT n FROM revisions WHERE name = 'holds'"),
        )
        .fetch_one(&self.inner.read)
        .await?;
        Ok(row.try_get("n")?)
    }
}

/// Increments the revision, and returns it. The row's lock puts all changes of holds one after another.
pub(super) async fn revise(inner: &Inner, tx: &mut AnyConnection) -> Result<i64, LedgerError> {
    let row = sqlx::query(
        inner.sql("-- ledger::holds revise\nUPDATE revisions SET n = n + 1 WHERE name = 'holds' RETURNING n"),
    )
    .fetch_one(tx)
    .await?;
    Ok(row.try_get("n")?)
}
