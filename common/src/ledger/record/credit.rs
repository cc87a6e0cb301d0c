//! Credit: a memory that an earlier attempt erased and this attempt finds absent counts as erased by the job.
//!
//! This concerns memories that this attempt asks for again because they failed in another store
//! (`retry/settled.rs`). The totals of the service keep the stores' answers.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::prepared::Prepared;
use crate::job::Outcome;
use crate::ledger::db::{Inner, LedgerError};

/// A memory in a store: job, target, store, table, key. Two targets may each have a table of the same name.
type ItemKey = (String, String, String, String, String);

/// Turns absent into erased where an earlier attempt erased the memory.
pub(super) async fn credit(inner: &Inner, tx: &mut AnyConnection, records: &[&Prepared]) -> Result<(), LedgerError> {
    let repeated = records.iter().filter(|record| record.repeats);
    let absent: Vec<&Value> = repeated
        .flat_map(|record| &record.items)
        .filter(|item| item["outcome"] == Outcome::Absent.as_str())
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut by_place: HashMap<ItemKey, &Value> = absent
        .iter()
        .map(|&item| {
            let place = (
                text(&item["job"]),
                text(&item["target"]),
                text(&item["store"]),
                text(&item["table"]),
                text(&item["key"]),
            );
            (place, item)
        })
        .collect();
    let found = sqlx::query(inner.sql(
        "-- ledger::record erased before
        DELETE FROM items WHERE outcome = {outcome.erased} AND (job_id, memory_key, table_name, store, ordinal) IN (
            SELECT i.job_id, i.memory_key, i.table_name, i.store, i.ordinal FROM {each}
            JOIN items i ON i.job_id = e.value->>'job' AND i.outcome = {outcome.erased} AND i.memory_key = e.value->>'key'
              AND i.table_name = e.value->>'table' AND i.store = e.value->>'store'
            JOIN partitions p ON p.job_id = i.job_id AND p.ordinal = i.ordinal AND p.target = e.value->>'target')
        RETURNING job_id, store, table_name, memory_key,
            (SELECT p.target FROM partitions p WHERE p.job_id = items.job_id AND p.ordinal = items.ordinal) AS target",
    ))
    .bind(json!(absent).to_string())
    .fetch_all(&mut *tx)
    .await?;
    let mut credited = Vec::with_capacity(found.len());
    let mut counts: BTreeMap<(String, i64, String), i64> = BTreeMap::new();
    for row in &found {
        let place: ItemKey = (
            row.try_get("job_id")?,
            row.try_get("target")?,
            row.try_get("store")?,
            row.try_get("table_name")?,
            row.try_get("memory_key")?,
        );
        // Credited once, even if several attempts left an item about it.
        let Some(item) = by_place.remove(&place) else { continue };
        let ordinal = item["ordinal"].as_i64().unwrap_or(0);
        let (job, _, store, ..) = place;
        *counts.entry((job, ordinal, store)).or_insert(0) += 1;
        credited.push(item);
    }
    if credited.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql(
        "-- ledger::record not absent
        DELETE FROM items WHERE (job_id, outcome, memory_key, table_name, store, ordinal) IN (
            SELECT e.value->>'job', {outcome.absent}, e.value->>'key', e.value->>'table', e.value->>'store',
                CAST(e.value->>'ordinal' AS BIGINT) FROM {each})",
    ))
    .bind(json!(credited).to_string())
    .execute(&mut *tx)
    .await?;
    let rows: Vec<Value> = counts
        .into_iter()
        .flat_map(|((job, ordinal, store), n)| {
            [(Outcome::Erased, n), (Outcome::Absent, -n)]
                .map(|(outcome, n)| json!({"job": job, "ordinal": ordinal, "store": store, "outcome": outcome.as_str(), "n": n}))
        })
        .collect();
    super::statements::add_counts(inner, tx, &json!(rows).to_string()).await
}
