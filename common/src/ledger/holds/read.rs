//! Reading holds: for callers, for workers and for gauges.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::hold::{Hold, HoldOn, HoldSet};
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::types::HoldRow;
use crate::receipt::HoldGround;

/// The columns of a hold, without the persons and ids.
// The count has a bound: a page of holds costs the same, however many jobs they keep.
const COLUMNS: &str =
    "name, revision, target, table_name, kind, said_by, ground, reference, principal, until_at, created_at, changed_at, released_at,
    (SELECT COUNT(*) FROM
        (SELECT DISTINCT j.job_id FROM job_holds j WHERE j.hold = holds.name ORDER BY j.job_id LIMIT 1000) AS named
     WHERE (SELECT CASE WHEN jobs.held_at IS NULL THEN 0 ELSE 1 END FROM jobs WHERE jobs.id = named.job_id) = 1) AS jobs";

/// The most unsettled holds that a gauge counts.
const COUNTED: u32 = 1_000;

impl Ledger {
    /// Returns a hold, with the persons and ids that it names. A released one is found too.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn hold(&self, name: &str) -> Result<Option<HoldRow>, LedgerError> {
        let text = format!("-- ledger::hold\nSELECT selection, {COLUMNS} FROM holds WHERE name = $1");
        let found = sqlx::query(self.inner.sql(&text))
            .bind(name)
            .fetch_optional(&self.inner.read)
            .await?;
        found.map(|row| hold(&row, selection(&row)?)).transpose()
    }

    /// Returns at most `limit` holds, sorted by name, from the first one after `after`: those in force, or `all`. None
    /// has the persons and ids that it names.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn holds(&self, after: &str, limit: u32, all: bool) -> Result<Vec<HoldRow>, LedgerError> {
        // Each list has an index with a key of its own.
        let (key, which) = if all {
            ("name", "")
        } else {
            ("(name || '')", "AND released_at IS NULL")
        };
        let text = format!(
            "-- ledger::holds
            SELECT {COLUMNS} FROM holds WHERE {key} > $1 {which} ORDER BY {key} LIMIT $2"
        );
        let found = sqlx::query(self.inner.sql(&text))
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.inner.read)
            .await?;
        found.iter().map(|row| hold(row, None)).collect()
    }

    /// Returns the holds in force. Their revision is read first, so it is never newer than the holds.
    ///
    /// A hold that this version cannot read keeps everything of its place.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn holds_in_force(&self) -> Result<HoldSet, LedgerError> {
        let revision = self.holds_revision().await?;
        let found = sqlx::query(self.inner.sql(
            "-- ledger::holds in force
            SELECT name, revision, target, table_name, selection, ground FROM holds
            WHERE released_at IS NULL ORDER BY (name || '')",
        ))
        .fetch_all(&self.inner.read)
        .await?;
        let holds = found.iter().map(kept).collect::<Result<_, _>>()?;
        Ok(HoldSet { revision, holds })
    }

    /// Returns the number of holds in force, and of those whose jobs may have to be queued again, up to 1,000.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn hold_gauges(&self) -> Result<(u64, u64), LedgerError> {
        let row = sqlx::query(self.inner.sql(&format!(
            "-- ledger::hold_gauges
            SELECT (SELECT COUNT(*) FROM
                    (SELECT name FROM holds WHERE released_at IS NULL ORDER BY (name || '')) AS kept) AS in_force,
                (SELECT COUNT(*) FROM
                    (SELECT name FROM holds WHERE settled = 0 ORDER BY ('' || name) LIMIT {COUNTED}) AS open) AS unsettled"
        )))
        .fetch_one(&self.inner.read)
        .await?;
        Ok((rows::number(&row, "in_force")?, rows::number(&row, "unsettled")?))
    }
}

/// Reads the memories that a hold keeps; `None` if it has none, or if this version cannot read them.
fn selection(row: &AnyRow) -> Result<Option<HoldOn>, LedgerError> {
    let text: Option<String> = row.try_get("selection")?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Reads a row of [`COLUMNS`].
fn hold(row: &AnyRow, on: Option<HoldOn>) -> Result<HoldRow, LedgerError> {
    Ok(HoldRow {
        name: row.try_get("name")?,
        revision: row.try_get("revision")?,
        target: row.try_get("target")?,
        table: row.try_get("table_name")?,
        kind: rows::parsed(row, "holds", "kind")?,
        on,
        ground: rows::parsed(row, "holds", "ground")?,
        by: row.try_get("said_by")?,
        reference: row.try_get("reference")?,
        principal: row.try_get("principal")?,
        until: row.try_get("until_at")?,
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
        released_at: row.try_get("released_at")?,
        jobs: rows::number(row, "jobs")?,
    })
}

/// Reads a hold in force. What cannot be read keeps more, never less.
fn kept(row: &AnyRow) -> Result<Hold, LedgerError> {
    let name: String = row.try_get("name")?;
    let on = selection(row)?.unwrap_or_else(|| {
        tracing::error!(hold = %name, "a hold cannot be read: it keeps everything of its target and table");
        HoldOn::Everything
    });
    let ground: String = row.try_get("ground")?;
    Ok(Hold {
        revision: row.try_get("revision")?,
        target: row.try_get("target")?,
        table: row.try_get("table_name")?,
        on,
        ground: ground.parse().unwrap_or(HoldGround::Other),
        name,
    })
}
