//! The first API key of an installation, and the mark that there was one.
//!
//! The mark outlives the key. An operator who revokes the first key, and uses the configuration's keys instead, does not
//! want another one.

use super::keys::{self, KeyRecord};
use crate::ledger::audit::Actor;
use crate::ledger::db::{Ledger, LedgerError};

impl Ledger {
    /// Stores the first key of this ledger, and that it had one; returns whether it did. Later calls store nothing, and
    /// so does one that finds other keys.
    // One transaction: a process that dies leaves either no mark, or a key. Of several processes one stores its key.
    pub async fn add_first_key(&self, record: &KeyRecord, by: &Actor) -> Result<bool, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        // The value has no meaning.
        let mark = sqlx::query(inner.sql(
            "-- ledger::add_first_key mark
            INSERT INTO secrets (name, value) VALUES ('first_key', '01') ON CONFLICT (name) DO NOTHING",
        ))
        .execute(&mut *tx)
        .await?;
        if mark.rows_affected() == 0 {
            return Ok(false);
        }
        let other = sqlx::query(inner.sql("-- ledger::add_first_key others\nSELECT 1 AS found FROM api_keys LIMIT 1"))
            .fetch_optional(&mut *tx)
            .await?;
        if other.is_some() {
            tx.commit().await?;
            return Ok(false);
        }
        Ok(keys::add(inner, tx, record, by).await?.is_some())
    }
}
