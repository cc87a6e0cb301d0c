//! The statements that write records. Each statement writes a whole group.

use std::collections::HashSet;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::prepared::Prepared;
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::types::Fence;

/// The statement that writes records to their partitions, up to its `FROM`. `$2` is the time of a lease in milliseconds.
pub(super) const PARTITIONS: &str =
    "UPDATE partitions SET intent = CASE WHEN CAST(e.value->>'begun' AS BIGINT) = 1 THEN intent END, lease_token = lease_token + 1, rescues = 0, failures = 0,
            due_at = {now} + $2, state = e.value->>'state', error_code = e.value->>'code',
            progress = e.value->>'progress', snapshot = COALESCE(e.value->>'snapshot', snapshot),
            found = COALESCE(e.value->>'found', found), kind = e.value->>'kind',
            remaining = CAST(e.value->>'remaining' AS BIGINT)";

/// Returns the statement that adds the rows in `source` to the counts of partitions.
pub(super) fn counts_text(source: &str) -> String {
    format!(
        "INSERT INTO counts (job_id, ordinal, store, outcome, n)
        SELECT e.value->>'job', CAST(e.value->>'ordinal' AS BIGINT), e.value->>'store', e.value->>'outcome',
            CAST(e.value->>'n' AS BIGINT)
        FROM {source} WHERE TRUE
        ON CONFLICT (job_id, ordinal, store, outcome) DO UPDATE SET n = counts.n + excluded.n"
    )
}

/// Returns the statement that lists the memories in `source`.
pub(super) fn items_text(source: &str) -> String {
    format!(
        "INSERT INTO items (job_id, outcome, store, table_name, memory_key, memory_id, code, ordinal)
        SELECT e.value->>'job', e.value->>'outcome', e.value->>'store', e.value->>'table', e.value->>'key',
            e.value->>'id', e.value->>'code', CAST(e.value->>'ordinal' AS BIGINT)
        FROM {source} WHERE TRUE
        ON CONFLICT (job_id, outcome, memory_key, table_name, store, ordinal) DO NOTHING"
    )
}

/// Returns the time of a lease in milliseconds.
pub(super) fn lease_ms(inner: &Inner) -> i64 {
    i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4)
}

/// Updates the partitions. Returns the fences of the leases that were still held.
pub(super) async fn update_partitions(
    inner: &Inner,
    tx: &mut AnyConnection,
    records: &[&Prepared],
) -> Result<HashSet<Fence>, LedgerError> {
    let rows: Vec<&Value> = records.iter().map(|record| &record.partition).collect();
    let held = sqlx::query(inner.sql(&format!(
        "-- ledger::record
        {PARTITIONS}
        FROM {{each}} WHERE {HELD}
        RETURNING partitions.job_id, ordinal, lease_token - 1 AS token",
        HELD = rows::HELD
    )))
    .bind(json!(rows).to_string())
    .bind(lease_ms(inner))
    .fetch_all(tx)
    .await?;
    held.iter()
        .map(|row| {
            let (job, ordinal) = rows::key(row)?;
            let token = row.try_get("token")?;
            Ok(Fence { job, ordinal, token })
        })
        .collect()
}

pub(super) async fn insert_counts(
    inner: &Inner,
    tx: &mut AnyConnection,
    records: &[&Prepared],
) -> Result<(), LedgerError> {
    let rows: Vec<&Value> = records.iter().flat_map(|record| &record.counts).collect();
    if rows.is_empty() {
        return Ok(());
    }
    add_counts(inner, tx, &json!(rows).to_string()).await
}

/// Adds to the counts of partitions.
pub(super) async fn add_counts(inner: &Inner, tx: &mut AnyConnection, rows: &str) -> Result<(), LedgerError> {
    let sql = format!("-- ledger::record counts\n{}", counts_text("{each}"));
    sqlx::query(inner.sql(&sql)).bind(rows).execute(tx).await?;
    Ok(())
}

pub(super) async fn insert_items(
    inner: &Inner,
    tx: &mut AnyConnection,
    records: &[&Prepared],
) -> Result<(), LedgerError> {
    let rows: Vec<&Value> = records.iter().flat_map(|record| &record.items).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!("-- ledger::record items\n{}", items_text("{each}"));
    let query = sqlx::query(inner.sql(&sql)).bind(json!(rows).to_string());
    query.execute(tx).await?;
    Ok(())
}

/// Adds the deleted rows of dependent tables, summed by table: an upsert cannot touch a row twice.
pub(super) async fn add_dependents(
    inner: &Inner,
    tx: &mut AnyConnection,
    records: &[&Prepared],
) -> Result<(), LedgerError> {
    let rows: Vec<&Value> = records.iter().flat_map(|record| &record.dependents).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql(
        "-- ledger::record dependents
        INSERT INTO dependents (job_id, target, table_name, n)
        SELECT e.value->>'job', e.value->>'target', e.value->>'table', SUM(CAST(e.value->>'n' AS BIGINT))
        FROM {each} WHERE TRUE
        GROUP BY e.value->>'job', e.value->>'target', e.value->>'table'
        ORDER BY e.value->>'job', e.value->>'target', e.value->>'table'
        ON CONFLICT (job_id, target, table_name) DO UPDATE SET n = dependents.n + excluded.n",
    ))
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}
