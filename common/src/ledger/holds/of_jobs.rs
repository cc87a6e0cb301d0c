//! The memories of jobs that holds keep.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row as _};

use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError};

/// Notes in the holds of these jobs that the jobs become held, in the same transaction. A hold that was released or has
/// changed since the workers read it gets another look. The others need none: their change will ask for one.
// A change writes the same rows. So it comes before this transaction, which then sees it, or after it, and its look sees
// the jobs. The rows are locked in the order of names, since a group of jobs may name several. The names are read first: a
// join of the two tables may read all holds, the released ones of years included. Groups are made here, since PostgreSQL
// may read a whole index in the order of names to make them.
pub(in crate::ledger) async fn note(inner: &Inner, tx: &mut AnyConnection, jobs: &[JobId]) -> Result<(), LedgerError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let ids: Vec<Value> = jobs.iter().map(|id| json!({"id": id})).collect();
    let found =
        sqlx::query(inner.sql("-- ledger::holds named\nSELECT hold, revision FROM job_holds WHERE job_id {in_ids}"))
            .bind(json!(ids).to_string())
            .fetch_all(&mut *tx)
            .await?;
    // The oldest revision that a worker had read.
    let mut read: BTreeMap<String, i64> = BTreeMap::new();
    for row in &found {
        let revision: i64 = row.try_get("revision")?;
        let oldest = read.entry(row.try_get("hold")?).or_insert(revision);
        *oldest = revision.min(*oldest);
    }
    if read.is_empty() {
        return Ok(());
    }
    let names: Vec<Value> = read.keys().map(|name| json!({"id": name})).collect();
    let holds = sqlx::query(inner.sql(
        "-- ledger::holds note
        SELECT name, revision, released_at FROM holds WHERE name {in_ids} ORDER BY name {locked}",
    ))
    .bind(json!(names).to_string())
    .fetch_all(&mut *tx)
    .await?;
    let mut changed = Vec::new();
    for row in &holds {
        let (name, revision): (String, i64) = (row.try_get("name")?, row.try_get("revision")?);
        let is_released = row.try_get::<Option<i64>, _>("released_at")?.is_some();
        if is_released || read.get(&name).is_some_and(|oldest| *oldest < revision) {
            changed.push(json!({"id": name}));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql("-- ledger::holds look again\nUPDATE holds SET settled = 0 WHERE name {in_ids}"))
        .bind(json!(changed).to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Adds the memories that holds keep, summed by job and hold: an upsert cannot touch a row twice. Each row has `job`,
/// `hold`, `revision`, `ground` and `n`.
pub(in crate::ledger) async fn add(inner: &Inner, tx: &mut AnyConnection, rows: &[&Value]) -> Result<(), LedgerError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql(
        "-- ledger::holds add
        INSERT INTO job_holds (job_id, hold, revision, ground, n)
        SELECT e.value->>'job', e.value->>'hold', CAST(e.value->>'revision' AS BIGINT), MIN(e.value->>'ground'),
            SUM(CAST(e.value->>'n' AS BIGINT))
        FROM {each} WHERE TRUE
        GROUP BY e.value->>'job', e.value->>'hold', CAST(e.value->>'revision' AS BIGINT)
        ORDER BY e.value->>'job', e.value->>'hold', CAST(e.value->>'revision' AS BIGINT)
        ON CONFLICT (job_id, hold, revision) DO UPDATE SET n = job_holds.n + excluded.n",
    ))
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes the rows of jobs. `ids` is a JSON array of objects with an `id`.
pub(in crate::ledger) async fn forget(inner: &Inner, tx: &mut AnyConnection, ids: &str) -> Result<(), LedgerError> {
    sqlx::query(inner.sql("-- ledger::holds forget\nDELETE FROM job_holds WHERE job_id {in_ids}"))
        .bind(ids)
        .execute(tx)
        .await?;
    Ok(())
}
