//! The changes that a group of records makes in its jobs.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::AnyConnection;

use super::prepared::Prepared;
use crate::job::JobId;
use crate::ledger::accept::rows_of;
use crate::ledger::advance::{Aborts, JobChange, JobRow};
use crate::ledger::db::{Inner, LedgerError};
use crate::ledger::ending::cancel;
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::Increment;

/// Begins to stop the jobs that a conflict stops, if the records contain one. Returns the additions to
/// the totals for their ended partitions.
pub(super) async fn abort(
    inner: &Inner,
    tx: &mut AnyConnection,
    records: &[&Prepared],
    jobs: &mut [JobRow],
) -> Result<Vec<Increment>, LedgerError> {
    let mut totals = Vec::new();
    for job in jobs.iter_mut().filter(|job| job.aborts == Aborts::AtConflict) {
        if !records.iter().any(|record| record.job() == job.id && record.conflicts) {
            continue;
        }
        if let Some(stopping) = cancel::stop(inner, tx, job.id, "2").await? {
            totals.extend(stopping.totals);
            if let Some(row) = stopping.jobs.into_iter().next() {
                *job = row;
            }
        }
    }
    Ok(totals)
}

/// Sums the changes of the records: one row for each job, since an UPDATE applies only one.
pub(super) fn job_changes(records: &[&Prepared]) -> Vec<JobChange> {
    let mut changes: BTreeMap<JobId, JobChange> = BTreeMap::new();
    for record in records {
        let id = record.job();
        let change = changes.entry(id).or_insert_with(|| JobChange::new(id));
        change.add(&record.change);
    }
    changes.into_values().collect()
}

/// Returns the rows of the planned partitions, with the next numbers of their jobs.
pub(super) fn planned(records: &[&Prepared], jobs: &[JobRow]) -> Vec<Value> {
    let mut rows = Vec::new();
    for job in jobs {
        let of_job = || records.iter().filter(|record| record.job() == job.id);
        let n: usize = of_job().map(|record| record.planned.len()).sum();
        let mut next = job.next_ordinal - i64::try_from(n).unwrap_or(0);
        for record in of_job().filter(|record| !record.planned.is_empty()) {
            let (list, snapshot) = (&record.planned, record.snapshot.as_deref());
            rows.extend(rows_of(
                job.id,
                next,
                PartitionState::Blocked,
                list,
                false,
                None,
                snapshot,
            ));
            next += i64::try_from(list.len()).unwrap_or(0);
        }
    }
    rows
}
