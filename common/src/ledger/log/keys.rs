//! The public keys of receipts and checkpoints. Retired ones stay, so that old receipts can be verified.

use serde_json::{Value, json};
use sqlx::Row as _;

use super::lease::{LogLease, lock};
use crate::ledger::db::{Ledger, LedgerError};

/// A public key that signs, or has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its id.
    pub key_id: String,
    /// The algorithm.
    pub algorithm: String,
    /// The key, in base64.
    pub public_key: String,
    /// The time of its first use, in milliseconds since 1970.
    pub made_at: i64,
    /// The time at which another key took its place; `None`: it signs.
    pub retired_at: Option<i64>,
}

impl Ledger {
    /// Publishes the keys that sign from now on: id and public key in base64. The others retire. Returns whether the lease
    /// is still held: a process that lost it publishes nothing.
    pub async fn publish_keys(&self, lease: &LogLease, keys: &[(String, String)]) -> Result<bool, LedgerError> {
        let listed: Vec<Value> = keys
            .iter()
            .map(|(id, public)| json!({"id": id, "public": public}))
            .collect();
        let listed = Value::from(listed).to_string();
        let mut tx = self.inner.begin().await?;
        if lock(&self.inner, &mut tx, lease).await?.is_none() {
            tx.rollback().await?;
            return Ok(false);
        }
        sqlx::query(self.inner.sql(
            "-- ledger::log keys
            INSERT INTO signing_keys (key_id, algorithm, public_key, made_at)
            SELECT e.value->>'id', 'Ed25519', e.value->>'public', {now} FROM {each} WHERE TRUE
            ON CONFLICT (key_id) DO UPDATE SET retired_at = NULL",
        ))
        .bind(&listed)
        .execute(&mut *tx)
        .await?;
        sqlx::query(self.inner.sql(
            "-- ledger::log retire
            UPDATE signing_keys SET retired_at = {now}
            WHERE retired_at IS NULL AND key_id NOT IN (SELECT e.value->>'id' FROM {each})",
        ))
        .bind(&listed)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns all keys, the oldest first.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::log read keys
            SELECT key_id, algorithm, public_key, made_at, retired_at FROM signing_keys ORDER BY made_at, key_id",
        ))
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SigningKeyRow {
                    key_id: row.try_get("key_id")?,
                    algorithm: row.try_get("algorithm")?,
                    public_key: row.try_get("public_key")?,
                    made_at: row.try_get("made_at")?,
                    retired_at: row.try_get("retired_at")?,
                })
            })
            .collect()
    }
}
