//! Merging the selections that previews and checks found in the partitions of a job.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use serde_json::json;
use sqlx::{AnyConnection, Row};

use super::step::JobRow;
use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::types::TablePreview;
use crate::selection::Selection;

/// Merges the selections that previews and checks found. A job with failures found only a part, and is skipped.
pub(super) async fn gather(inner: &Inner, tx: &mut AnyConnection, jobs: &mut [JobRow]) -> Result<(), LedgerError> {
    let looked_at = jobs.iter().filter(|job| job.is_looked_at() && job.failures == 0);
    let ids: Vec<_> = looked_at.map(|job| json!({"id": job.id})).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut found = sqlx::query(inner.sql(
        "-- ledger::preview
        SELECT job_id, ordinal, target, table_name, found FROM partitions
        WHERE found IS NOT NULL AND job_id {in_ids}",
    ))
    .bind(json!(ids).to_string())
    .fetch(tx);
    let mut tables: BTreeMap<(JobId, String, String), Selection> = BTreeMap::new();
    // Row by row: a large job has many.
    while let Some(row) = found.try_next().await? {
        let (job, _) = rows::key(&row)?;
        let found: Selection = rows::json(&row, "partitions", "found")?;
        let table = (job, row.try_get("target")?, row.try_get("table_name")?);
        tables.entry(table).or_default().merge(found);
    }
    for ((id, target, table), found) in tables {
        if let Some(job) = jobs.iter_mut().find(|job| job.id == id) {
            let preview = job.found.get_or_insert_default();
            preview.digest = preview.digest.and(found.digest);
            preview.tables.push(TablePreview { target, table, found });
        }
    }
    Ok(())
}
