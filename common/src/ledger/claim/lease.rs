//! Reading a claimed partition as a lease.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::job::JobId;
use crate::ledger::db::{LedgerError, rows};
use crate::ledger::types::{JobFacts, Lease};

/// Returns the lease of a claimed partition.
pub(super) fn lease(
    row: &AnyRow,
    jobs: &HashMap<JobId, Arc<JobFacts>>,
    until: Instant,
    siblings: i64,
) -> Result<Lease, LedgerError> {
    let (id, ordinal) = rows::key(row)?;
    let corrupt = |column| LedgerError::Corrupt {
        table: "partitions",
        column,
        row: format!("{id}/{ordinal}"),
    };
    let rescues = rows::small_number(row, "rescues")?;
    let job = jobs.get(&id).ok_or_else(|| corrupt("job_id"))?;
    let alias = rows::small_number(row, "alias")?;
    if alias > 0 && job.subject.as_ref().is_none_or(|subject| alias >= subject.names()) {
        return Err(corrupt("alias"));
    }
    Ok(Lease {
        job: Arc::clone(job),
        ordinal,
        token: row.try_get("lease_token")?,
        until,
        kind: rows::parsed(row, "partitions", "kind")?,
        route: rows::route(row)?,
        work: rows::work(row)?,
        alias,
        progress: row.try_get("progress")?,
        intent: row.try_get("intent")?,
        snapshot: row.try_get("snapshot")?,
        remaining: rows::number(row, "remaining")?,
        rescues,
        taken_over: row.try_get::<i64, _>("taken_over")? != 0,
        failures: rows::small_number(row, "failures")?,
        alone: row.try_get::<i64, _>("weight")? > 0 || rescues > 0,
        stores: rows::stores(row)?,
        siblings,
    })
}
