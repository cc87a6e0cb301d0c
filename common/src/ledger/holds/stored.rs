//! Placing, replacing and releasing holds.
//!
//! A change takes the next revision before it reads or writes a hold. So changes come one after another, and what one of
//! them has read stays true until its commit.

use serde_json::json;
use sqlx::{AnyConnection, Row as _};

use super::revision::revise;
use crate::clock::from_millis;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};
use crate::ledger::types::{HoldRecord, PutHold};

/// The columns of a hold that is released. `$2` is the revision. Personal data leaves with the release.
pub(super) const RELEASED: &str =
    "revision = $2, released_at = {now}, changed_at = {now}, settled = 0, selection = NULL, said_by = NULL";

/// Whether a hold in force is written again as it is. Then its revision stays: its held jobs need not be asked again.
// A client may write the same holds once a minute.
const SAME: &str = "holds.released_at IS NULL AND holds.target IS NOT DISTINCT FROM excluded.target
                AND holds.table_name IS NOT DISTINCT FROM excluded.table_name
                AND holds.selection IS NOT DISTINCT FROM excluded.selection AND holds.ground = excluded.ground";

/// The most bytes that the selections of all holds in force have as JSON. Each process keeps them in memory.
const SELECTIONS: u64 = 16 << 20;

impl Ledger {
    /// Places a hold, or replaces the one in force with its name. At most `most` holds are in force.
    ///
    /// `over` is the revision of the hold in force that the caller has read; `None`: none is in force. If another one is
    /// in force, nothing is written. Every batch whose intent is committed afterwards obeys the hold.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer. The hold may be written nevertheless: repeat the call.
    pub async fn put_hold(
        &self,
        hold: &HoldRecord,
        most: u64,
        over: Option<i64>,
        by: &Actor,
    ) -> Result<PutHold, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let revision = revise(inner, &mut tx).await?;
        let known = in_force(inner, &mut tx, &hold.name).await?;
        let refused = if known != over {
            Some(PutHold::Changed)
        } else if known.is_none() && in_all(inner, &mut tx, most).await?.holds >= most {
            Some(PutHold::TooMany)
        } else if !write(inner, &mut tx, hold, revision).await? {
            Some(PutHold::Expired)
        } else if in_all(inner, &mut tx, most).await?.bytes > SELECTIONS {
            Some(PutHold::TooLarge)
        } else {
            None
        };
        if let Some(refused) = refused {
            // Explicitly, since a dropped transaction rolls back only later: other changes would wait for the revision.
            tx.rollback().await?;
            return Ok(refused);
        }
        audit::commit(inner, tx, by, deed(hold).with("replaces", json!(known.is_some()))).await?;
        Ok(if known.is_some() {
            PutHold::Replaced
        } else {
            PutHold::New
        })
    }

    /// Releases a hold; returns whether the hold of the revision `over` was in force. Its name stays, without the persons
    /// and ids.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn release_hold(&self, name: &str, over: i64, by: &Actor) -> Result<bool, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let revision = revise(inner, &mut tx).await?;
        let text = format!(
            "-- ledger::release_hold
            UPDATE holds SET {RELEASED} WHERE name = $1 AND revision = $3 AND released_at IS NULL"
        );
        let released = sqlx::query(inner.sql(&text))
            .bind(name)
            .bind(revision)
            .bind(over)
            .execute(&mut *tx)
            .await?;
        if released.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        audit::commit(inner, tx, by, Deed::new(Act::HoldRelease, Object::Hold(name))).await?;
        Ok(true)
    }
}

/// Returns the revision of the hold with this name, if it is in force.
async fn in_force(inner: &Inner, tx: &mut AnyConnection, name: &str) -> Result<Option<i64>, LedgerError> {
    let found = sqlx::query(
        inner.sql("-- ledger::put_hold known\nSELECT revision FROM holds WHERE name = $1 AND released_at IS NULL"),
    )
    .bind(name)
    .fetch_optional(tx)
    .await?;
    Ok(found.map(|row| row.try_get("revision")).transpose()?)
}

/// The holds in force.
struct InAll {
    holds: u64,
    /// The bytes of their selections.
    bytes: u64,
}

/// Counts the holds in force, up to `most`.
// Both databases know the number of bytes without reading a long text. For its characters they read all of it.
async fn in_all(inner: &Inner, tx: &mut AnyConnection, most: u64) -> Result<InAll, LedgerError> {
    let row = sqlx::query(inner.sql(
        "-- ledger::put_hold count
        SELECT COUNT(*) AS n, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM (
            SELECT OCTET_LENGTH(selection) AS size FROM holds WHERE released_at IS NULL ORDER BY (name || '') LIMIT $1
        ) AS kept",
    ))
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_one(tx)
    .await?;
    Ok(InAll {
        holds: rows::number(&row, "n")?,
        bytes: rows::number(&row, "bytes")?,
    })
}

/// Writes a hold, unless its end has passed; returns whether it was written.
async fn write(inner: &Inner, tx: &mut AnyConnection, hold: &HoldRecord, revision: i64) -> Result<bool, LedgerError> {
    let row = json!([{
        "name": hold.name, "revision": revision, "target": hold.target, "table": hold.table,
        "kind": hold.on.kind().as_str(), "selection": json!(hold.on).to_string(), "by": hold.by,
        "ground": hold.ground.as_str(), "reference": hold.reference, "principal": hold.principal, "until": hold.until,
    }]);
    let written = sqlx::query(inner.sql(&format!(
        "-- ledger::put_hold
        INSERT INTO holds (name, revision, target, table_name, kind, selection, said_by, ground, reference, principal, until_at,
            created_at, changed_at, settled)
        SELECT e.value->>'name', CAST(e.value->>'revision' AS BIGINT), e.value->>'target', e.value->>'table', e.value->>'kind',
            e.value->>'selection', e.value->>'by', e.value->>'ground', e.value->>'reference', e.value->>'principal',
            CAST(e.value->>'until' AS BIGINT), {{now}}, {{now}}, 0
        FROM {{each}} WHERE (e.value->>'until') IS NULL OR CAST(e.value->>'until' AS BIGINT) > {{now}}
        ON CONFLICT (name) DO UPDATE SET
            revision = CASE WHEN {SAME} THEN holds.revision ELSE excluded.revision END,
            settled = CASE WHEN {SAME} THEN holds.settled ELSE 0 END,
            created_at = CASE WHEN holds.released_at IS NULL THEN holds.created_at ELSE excluded.created_at END,
            target = excluded.target, table_name = excluded.table_name, kind = excluded.kind, selection = excluded.selection,
            said_by = excluded.said_by, ground = excluded.ground, reference = excluded.reference,
            principal = excluded.principal, until_at = excluded.until_at, changed_at = excluded.changed_at, released_at = NULL"
    )))
    .bind(row.to_string())
    .execute(tx)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Returns the event of a written hold. It tells how many values the hold names, and none of them.
fn deed(hold: &HoldRecord) -> Deed<'_> {
    Deed::new(Act::HoldPut, Object::Hold(&hold.name))
        .with("target", json!(hold.target))
        .with("table", json!(hold.table))
        .with("kind", hold.on.kind().as_str())
        .with("named", json!(hold.on.named()))
        .with("ground", hold.ground.as_str())
        .with("until", json!(hold.until.and_then(from_millis)))
}
