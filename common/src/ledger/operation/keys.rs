//! The API keys that Lethe itself created. The ledger holds only their hashes.
//!
//! The database's clock, read in the same statement, decides whether a key or a secret has expired.
//!
//! A key has one secret, and for some time after a rotation two.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::replaced::{recognise, secrets};
use crate::config::Bounds;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};

/// A key that Lethe itself created.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// Its name.
    pub name: String,
    /// SHA-256 of its newest secret, hexadecimal.
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
    /// The time at which the secret before the last rotation stops, in milliseconds since 1970; absent: the key has
    /// one secret.
    pub previous_until: Option<i64>,
}

/// A key that was found by one of its secrets.
#[derive(Debug, Clone)]
pub struct FoundKey {
    /// The key.
    pub row: KeyRow,
    /// SHA-256 of this secret, hexadecimal, as it is stored.
    pub sha256: String,
    /// The time until this secret stops: zero if it has stopped, absent if it never does.
    pub left: Option<Duration>,
}

/// The secret that a rotation ends at once, if the key has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The secret that the last rotation left working.
    Older,
    /// The secret that the last rotation made: nobody received it.
    Newer,
}

/// The result of a rotation.
#[derive(Debug, Clone)]
pub enum Rotated {
    /// The key has the new secret.
    Done(Box<KeyRow>),
    /// No valid key has this name.
    NoKey,
    /// Nothing was changed. The key has two secrets, and the older one stops at this time, in milliseconds since 1970.
    HasTwo(i64),
    /// Nothing was changed. The key has one secret.
    HasOne,
}

/// Whether the secret before the last rotation still works.
const HAS_TWO: &str = "COALESCE(previous_until, 0) > {now}";

const COLUMNS: &str = "name, sha256, previous_sha256, previous_until, scopes, bound_user, workspaces, targets, expires_at, created_at, created_by, last_used_at, {now} AS at";

impl Ledger {
    /// Returns the key that has a secret with this hash, expired or not.
    pub async fn key_by_hash(&self, sha256: &str) -> Result<Option<FoundKey>, LedgerError> {
        let text =
            format!("-- ledger::key_by_hash\nSELECT {COLUMNS} FROM api_keys WHERE sha256 = $1 OR previous_sha256 = $1");
        let row = sqlx::query(self.inner.sql(&text))
            .bind(sha256)
            .fetch_optional(&self.inner.read)
            .await?;
        row.as_ref().map(|row| found_by(row, sha256)).transpose()
    }

    /// Returns the name of the key that had a secret with this hash: a rotation replaced it, or the key was revoked.
    pub async fn revoked_key(&self, sha256: &str) -> Result<Option<String>, LedgerError> {
        let row = sqlx::query(
            self.inner
                .sql("-- ledger::revoked_key\nSELECT name FROM revoked_keys WHERE sha256 = $1"),
        )
        .bind(sha256)
        .fetch_optional(&self.inner.read)
        .await?;
        Ok(row.map(|row| row.try_get("name")).transpose()?)
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

    /// Stores a key if there is none of its name; returns the stored key.
    pub async fn add_key(&self, record: &KeyRecord, by: &Actor) -> Result<Option<KeyRow>, LedgerError> {
        add(&self.inner, self.inner.begin().await?, record, by).await
    }

    /// Gives a key another secret, with the same rights.
    ///
    /// The secret before it stops after `overlap`. While the key has two secrets, `ends` names the one that stops at
    /// once. Without `ends`, only a rotation without an overlap replaces both. The hash of a secret that the
    /// key loses stays recognised.
    // The answer to a rotation may be lost. If a repeated one ended the older secret, nobody would have a valid one.
    pub async fn rotate_key(
        &self,
        name: &str,
        sha256: &str,
        overlap: Duration,
        ends: Option<Ends>,
        by: &Actor,
    ) -> Result<Rotated, LedgerError> {
        let (stays, only) = match ends {
            None if overlap.is_zero() => ("sha256", "TRUE".to_owned()),
            None => ("sha256", format!("NOT ({HAS_TWO})")),
            Some(Ends::Older) => ("sha256", HAS_TWO.to_owned()),
            Some(Ends::Newer) => ("previous_sha256", HAS_TWO.to_owned()),
        };
        let text = format!(
            "-- ledger::rotate_key
            UPDATE api_keys SET previous_sha256 = {stays}, previous_until = {{now}} + $3, sha256 = $2
            WHERE name = $1 AND (expires_at IS NULL OR expires_at > {{now}}) AND {only} RETURNING {COLUMNS}"
        );
        let mut tx = self.inner.begin().await?;
        // Locked, so that a rotation at the same time replaces no other secret than these.
        let before = sqlx::query(self.inner.sql(
            "-- ledger::rotate_key secrets\nSELECT sha256, previous_sha256 FROM api_keys WHERE name = $1 {locked}",
        ))
        .bind(name)
        .fetch_optional(&mut *tx)
        .await?;
        let rotated = sqlx::query(self.inner.sql(&text))
            .bind(name)
            .bind(sha256)
            .bind(i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX / 4))
            .fetch_optional(&mut *tx)
            .await?;
        let (Some(before), Some(rotated)) = (before, rotated) else {
            tx.rollback().await?;
            return self.why_not_rotated(name, ends).await;
        };
        let (mut replaced, left) = (secrets(&before)?, secrets(&rotated)?);
        replaced.retain(|sha256| !left.contains(sha256));
        recognise(&self.inner, &mut tx, name, replaced).await?;
        let rotated = key(&rotated)?;
        let mut deed = Deed::new(Act::KeyRotate, Object::Key(name)).with("overlap_s", overlap.as_secs());
        if let Some(ends) = ends {
            deed = deed.with("ends", ends.as_str());
        }
        audit::commit(&self.inner, tx, by, deed).await?;
        Ok(Rotated::Done(Box::new(rotated)))
    }

    async fn why_not_rotated(&self, name: &str, ends: Option<Ends>) -> Result<Rotated, LedgerError> {
        let row = self.key_by_name(name).await?;
        let valid = row.filter(|row| row.left.is_none_or(|left| !left.is_zero()));
        Ok(match (valid, ends) {
            (None, _) => Rotated::NoKey,
            (Some(_), Some(_)) => Rotated::HasOne,
            // The older secret may have stopped since.
            (Some(row), None) => Rotated::HasTwo(row.previous_until.unwrap_or(row.now)),
        })
    }

    /// Deletes a key; returns whether there was one of this name. The hashes of its secrets stay recognised.
    pub async fn remove_key(&self, name: &str, by: &Actor) -> Result<bool, LedgerError> {
        let mut tx = self.inner.begin().await?;
        let removed = sqlx::query(
            self.inner
                .sql("-- ledger::remove_key\nDELETE FROM api_keys WHERE name = $1 RETURNING sha256, previous_sha256"),
        )
        .bind(name)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(removed) = removed else {
            return Ok(false);
        };
        recognise(&self.inner, &mut tx, name, secrets(&removed)?).await?;
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

impl Ends {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Older => "older",
            Self::Newer => "newer",
        }
    }
}

/// Stores a key if there is none of its name, with its event, and commits; returns the stored key.
// The statement itself returns the row. A second read could fail after the commit, and the secret would be lost.
pub(super) async fn add(
    inner: &Inner,
    mut tx: Transaction<'static, Any>,
    record: &KeyRecord,
    by: &Actor,
) -> Result<Option<KeyRow>, LedgerError> {
    let list = |names: &BTreeSet<String>| json!(names).to_string();
    let text = format!(
        "-- ledger::add_key
        INSERT INTO api_keys (name, sha256, scopes, bound_user, workspaces, targets, expires_at, created_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, {{now}}, $8)
        ON CONFLICT (name) DO NOTHING RETURNING {COLUMNS}"
    );
    let added = sqlx::query(inner.sql(&text))
        .bind(&record.name)
        .bind(&record.sha256)
        .bind(json!(record.scopes).to_string())
        .bind(&record.bounds.user)
        .bind(record.bounds.workspaces.as_ref().map(list))
        .bind(record.bounds.targets.as_ref().map(list))
        .bind(record.expires_at)
        .bind(&by.name)
        .fetch_optional(&mut *tx)
        .await?;
    let Some(added) = added.as_ref().map(key).transpose()? else {
        return Ok(None);
    };
    // The names of the user and the workspaces are personal data, so they stay out of the event.
    let deed = Deed::new(Act::KeyCreate, Object::Key(&record.name))
        .with("scopes", record.scopes.clone())
        .with("bound_to_user", record.bounds.user.is_some())
        .with("bound_to_workspaces", record.bounds.workspaces.is_some())
        .with("targets", json!(record.bounds.targets));
    audit::commit(inner, tx, by, deed).await?;
    Ok(Some(added))
}

/// Returns the key of a row that was found by the hash of one of its secrets.
fn found_by(row: &AnyRow, sha256: &str) -> Result<FoundKey, LedgerError> {
    let found = key(row)?;
    if found.key.sha256 == sha256 {
        return Ok(FoundKey {
            sha256: found.key.sha256.clone(),
            left: found.left,
            row: found,
        });
    }
    let until = found.previous_until;
    Ok(FoundKey {
        sha256: row.try_get("previous_sha256")?,
        left: Some(until.map_or(Duration::ZERO, |until| left(until, found.now))),
        row: found,
    })
}

/// Returns the time from `now` until `until`, both in milliseconds since 1970.
fn left(until: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(until.saturating_sub(now)).unwrap_or(0))
}

fn key(row: &AnyRow) -> Result<KeyRow, LedgerError> {
    let list = |column| -> Result<Option<BTreeSet<String>>, LedgerError> {
        let written: Option<String> = row.try_get(column)?;
        written.map(|_| rows::json(row, "api_keys", column)).transpose()
    };
    let expires_at: Option<i64> = row.try_get("expires_at")?;
    let now: i64 = row.try_get("at")?;
    let previous_until: Option<i64> = row.try_get("previous_until")?;
    // Both secrets stop with the key.
    let previous_until = previous_until.map(|until| expires_at.map_or(until, |end| until.min(end)));
    Ok(KeyRow {
        left: expires_at.map(|until| left(until, now)),
        now,
        previous_until: previous_until.filter(|until| *until > now),
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
