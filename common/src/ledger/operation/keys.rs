//! The API keys that Lethe itself created. The ledger holds only their hashes.
//!
//! The database's clock, read in the same statement, decides whether a key has expired.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::config::Bounds;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Ledger, LedgerError, rows};

/// A key that Lethe itself created.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// Its name.
    pub name: String,
    /// SHA-256 of the key, hexadecimal.
    pub sha256: String,
    /// The words of its scopes.
    pub scopes: Vec<String>,
    /// The bounds of its access.
    pub bounds: Bounds,
    /// Its expiry, in milliseconds since 1970; absent: never.
    pub expires_at: Option<i64>,
}

/// A stored key.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// The record of the key.
    pub key: KeyRecord,
    /// The time of its creation, in milliseconds since 1970.
    pub created_at: i64,
    /// The actor that created it.
    pub created_by: String,
    /// The time of its last use, to the minute, in milliseconds since 1970.
    pub last_used_at: Option<i64>,
    /// The ledger's clock when this was read.
    pub now: i64,
    /// The time until it expires: zero if it has expired, absent if it never does.
    pub left: Option<Duration>,
}

const COLUMNS: &str = "name, sha256, scopes, bound_user, workspaces, targets, expires_at, created_at, created_by, last_used_at, {now} AS at";

impl Ledger {
    /// Returns the key with this hash, expired or not.
    pub async fn key_by_hash(&self, sha256: &str) -> Result<Option<KeyRow>, LedgerError> {
        let text = format!("-- ledger::key_by_hash\nSELECT {COLUMNS} FROM api_keys WHERE sha256 = $1");
        let row = sqlx::query(self.inner.sql(&text))
            .bind(sha256)
            .fetch_optional(&self.inner.read)
            .await?;
        row.as_ref().map(key).transpose()
    }

    /// Returns the key of this name, expired or not.
    pub async fn key_by_name(&self, name: &str) -> Result<Option<KeyRow>, LedgerError> {
        let text = format!("-- ledger::key_by_name\nSELECT {COLUMNS} FROM api_keys WHERE name = $1");
        let row = sqlx::query(self.inner.sql(&text))
            .bind(name)
            .fetch_optional(&self.inner.read)
            .await?;
        row.as_ref().map(key).transpose()
    }

    /// Returns at most `limit` keys, sorted by name, from the first one after `after`.
    pub async fn keys(&self, after: &str, limit: u32) -> Result<Vec<KeyRow>, LedgerError> {
        let text = format!("-- ledger::keys\nSELECT {COLUMNS} FROM api_keys WHERE name > $1 ORDER BY name LIMIT $2");
        let rows = sqlx::query(self.inner.sql(&text))
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.inner.read)
            .await?;
        rows.iter().map(key).collect()
    }

    /// Stores a key if there is none of its name; returns whether it was stored.
    pub async fn add_key(&self, key: &KeyRecord, by: &Actor) -> Result<bool, LedgerError> {
        let list = |names: &BTreeSet<String>| json!(names).to_string();
        let mut tx = self.inner.begin().await?;
        let added = sqlx::query(self.inner.sql(
            "-- ledger::add_key
            INSERT INTO api_keys (name, sha256, scopes, bound_user, workspaces, targets, expires_at, created_at, created_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7, {now}, $8)
            ON CONFLICT (name) DO NOTHING",
        ))
        .bind(&key.name)
        .bind(&key.sha256)
        .bind(json!(key.scopes).to_string())
        .bind(&key.bounds.user)
        .bind(key.bounds.workspaces.as_ref().map(list))
        .bind(key.bounds.targets.as_ref().map(list))
        .bind(key.expires_at)
        .bind(&by.name)
        .execute(&mut *tx)
        .await?;
        if added.rows_affected() == 0 {
            return Ok(false);
        }
        // The names of the user and the workspaces are personal data, so they stay out of the event.
        let deed = Deed::new(Act::KeyCreate, Object::Key(&key.name))
            .with("scopes", key.scopes.clone())
            .with("bound_to_user", key.bounds.user.is_some())
            .with("bound_to_workspaces", key.bounds.workspaces.is_some())
            .with("targets", json!(key.bounds.targets));
        audit::commit(&self.inner, tx, by, deed).await?;
        Ok(true)
    }

    /// Deletes a key; returns whether there was one of this name.
    pub async fn remove_key(&self, name: &str, by: &Actor) -> Result<bool, LedgerError> {
        let mut tx = self.inner.begin().await?;
        let removed = sqlx::query(
            self.inner
                .sql("-- ledger::remove_key\nDELETE FROM api_keys WHERE name = $1"),
        )
        .bind(name)
        .execute(&mut *tx)
        .await?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        let deed = Deed::new(Act::KeyRevoke, Object::Key(name));
        audit::commit(&self.inner, tx, by, deed).await?;
        Ok(true)
    }

    /// Notes the use of a key, once a minute at most.
    pub async fn use_key(&self, name: &str) -> Result<(), LedgerError> {
        sqlx::query(self.inner.sql(
            "-- ledger::use_key
            UPDATE api_keys SET last_used_at = {now} WHERE name = $1 AND COALESCE(last_used_at, 0) <= {now} - 60000",
        ))
        .bind(name)
        .execute(&self.inner.write)
        .await?;
        Ok(())
    }
}

fn key(row: &AnyRow) -> Result<KeyRow, LedgerError> {
    let list = |column| -> Result<Option<BTreeSet<String>>, LedgerError> {
        let written: Option<String> = row.try_get(column)?;
        written.map(|_| rows::json(row, "api_keys", column)).transpose()
    };
    let expires_at: Option<i64> = row.try_get("expires_at")?;
    let at: i64 = row.try_get("at")?;
    let left = |until: i64| Duration::from_millis(u64::try_from(until.saturating_sub(at)).unwrap_or(0));
    Ok(KeyRow {
        left: expires_at.map(left),
        now: at,
        created_at: row.try_get("created_at")?,
        created_by: row.try_get("created_by")?,
        last_used_at: row.try_get("last_used_at")?,
        key: KeyRecord {
            name: row.try_get("name")?,
            sha256: row.try_get("sha256")?,
            scopes: rows::json(row, "api_keys", "scopes")?,
            bounds: Bounds {
                user: row.try_get("bound_user")?,
                workspaces: list("workspaces")?,
                targets: list("targets")?,
            },
            expires_at,
        },
    })
}
