//! Idempotency keys: the answer to a request that was accepted before is its job.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::new_job::{Accepted, NewJob};
use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError};

/// Inserts the new idempotency keys. Returns the answers to requests with used keys.
pub(super) async fn reserve_keys(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[&NewJob],
) -> Result<HashMap<JobId, Accepted>, LedgerError> {
    let keyed: Vec<Value> = jobs
        .iter()
        .filter_map(|job| {
            let key = job.idempotency.as_ref()?;
            Some(json!({
                "p": job.scope.principal, "r": job.scope.route, "k": key.key, "f": key.fingerprint, "j": job.id,
            }))
        })
        .collect();
    if keyed.is_empty() {
        return Ok(HashMap::new());
    }
    let list = Value::Array(keyed).to_string();
    sqlx::query(inner.sql(
        "-- ledger::accept keys
        INSERT INTO idempotency (principal, route, key_text, fingerprint, job_id, created_at)
        SELECT e.value->>'p', e.value->>'r', e.value->>'k', e.value->>'f', e.value->>'j', {now} FROM {each} WHERE TRUE
        ON CONFLICT (principal, route, key_text) DO NOTHING",
    ))
    .bind(&list)
    .execute(&mut *tx)
    .await?;
    let rows = sqlx::query(inner.sql(
        "-- ledger::accept replays
        SELECT e.value->>'j' AS asked, e.value->>'f' AS fingerprint, i.fingerprint AS known, i.job_id AS job_id
        FROM {each} JOIN idempotency i
          ON i.principal = e.value->>'p' AND i.route = e.value->>'r' AND i.key_text = e.value->>'k'
        WHERE i.job_id <> e.value->>'j'",
    ))
    .bind(&list)
    .fetch_all(&mut *tx)
    .await?;
    let mut replays = HashMap::with_capacity(rows.len());
    for row in rows {
        let (asked, fingerprint): (String, String) = (row.try_get("asked")?, row.try_get("fingerprint")?);
        let (known, job_id): (String, String) = (row.try_get("known")?, row.try_get("job_id")?);
        let corrupt = || LedgerError::Corrupt {
            table: "idempotency",
            column: "job_id",
            row: job_id.clone(),
        };
        let answer = if known.is_empty() {
            Accepted::InFlight
        } else if known == fingerprint {
            Accepted::Replay(job_id.parse().map_err(|_| corrupt())?)
        } else {
            Accepted::Conflict
        };
        replays.insert(asked.parse().map_err(|_| corrupt())?, answer);
    }
    Ok(replays)
}
