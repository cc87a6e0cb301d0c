//! Secrets that an installation creates for itself.

use sqlx::Row;

use crate::ledger::db::{Ledger, LedgerError};

impl Ledger {
    /// Returns a secret of this installation. If there is none, stores `fresh` as the secret.
    pub async fn secret(&self, name: &str, fresh: &str) -> Result<String, LedgerError> {
        sqlx::query(self.inner.sql(
            "-- ledger::secret
            INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        ))
        .bind(name)
        .bind(fresh)
        .execute(&self.inner.write)
        .await?;
        let row = sqlx::query(
            self.inner
                .sql("-- ledger::secret read\nSELECT value FROM secrets WHERE name = $1"),
        )
        .bind(name)
        .fetch_one(&self.inner.read)
        .await?;
        Ok(row.try_get(0)?)
    }
}
