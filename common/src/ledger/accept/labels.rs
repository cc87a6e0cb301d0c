//! The index of labels: a row for each label of a job, by which lists find the job.

use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::new_job::NewJob;
use crate::ledger::db::{Inner, LedgerError};

/// Inserts the labels of jobs. Jobs without labels cost no statement.
pub(super) async fn insert_labels(inner: &Inner, tx: &mut AnyConnection, jobs: &[&NewJob]) -> Result<(), LedgerError> {
    let rows: Vec<Value> = jobs
        .iter()
        .flat_map(|job| {
            let pairs = job.execution.marks.pairs();
            pairs.map(move |label| json!({"job": job.id, "label": label}))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql(
        "-- ledger::accept labels
        INSERT INTO job_labels (job_id, label) SELECT e.value->>'job', e.value->>'label' FROM {each}",
    ))
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes the labels of jobs. `jobs` is a JSON array of objects with their `id`.
pub(in crate::ledger) async fn delete_labels(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &str,
) -> Result<(), LedgerError> {
    let sql = "-- ledger::forget labels\nDELETE FROM job_labels WHERE job_id {in_ids}";
    sqlx::query(inner.sql(sql)).bind(jobs).execute(tx).await?;
    Ok(())
}
