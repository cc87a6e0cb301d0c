//! The mark that an installation has had its first API key.
//!
//! It outlives that key. An operator who revokes the first key, and uses the configuration's keys instead, does not
//! want another one.

use crate::ledger::db::{Ledger, LedgerError};

impl Ledger {
    /// Returns whether the first API key was noted.
    pub async fn had_first_key(&self) -> Result<bool, LedgerError> {
        let noted = sqlx::query(
            self.inner
                .sql("-- ledger::had_first_key\nSELECT 1 AS noted FROM secrets WHERE name = 'first_key'"),
        )
        .fetch_optional(&self.inner.read)
        .await?;
        Ok(noted.is_some())
    }

    /// Notes that the first API key was made, for good.
    pub async fn note_first_key(&self) -> Result<(), LedgerError> {
        // The value has no meaning.
        sqlx::query(self.inner.sql(
            "-- ledger::note_first_key
            INSERT INTO secrets (name, value) VALUES ('first_key', '01') ON CONFLICT (name) DO NOTHING",
        ))
        .execute(&self.inner.write)
        .await?;
        Ok(())
    }
}
