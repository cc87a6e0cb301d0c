//! Writing a group of records in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::credit;
use super::prepared::{Prepared, Recorded, Recording};
use crate::job::JobId;
use crate::ledger::accept::{insert_partitions, rows_of};
use crate::ledger::advance;
use crate::ledger::advance::{Aborts, JobChange, JobRow};
use crate::ledger::db::{Grouped, Inner, LedgerError, rows};
use crate::ledger::ending::cancel;
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::Increment;
use crate::ledger::types::Fence;
use crate::state::State;

/// The most rows of one transaction, so that nobody waits long for a group.
const GROUP: usize = 20_000;

impl Grouped for Recording {
    type Answer = Vec<Recorded>;

    const GROUP: usize = GROUP;

    fn size(&self) -> usize {
        Self::size(self)
    }

    async fn write(inner: &Inner, group: &[Self]) -> Result<Vec<Vec<Recorded>>, LedgerError> {
        let records: Vec<&Prepared> = group.iter().flat_map(|recording| &recording.0).collect();
        let mut recorded = write_each(inner, &records).await?.into_iter();
        Ok(group
            .iter()
            .map(|recording| recorded.by_ref().take(recording.0.len()).collect())
            .collect())
    }
}

/// Writes records together; if the ledger refuses them, in ever smaller parts, so that only those are refused that
/// it would refuse alone.
async fn write_each(inner: &Inner, records: &[&Prepared]) -> Result<Vec<Recorded>, LedgerError> {
    let mut recorded = Vec::with_capacity(records.len());
    let mut open = vec![records];
    while let Some(some) = open.pop() {
        match (write(inner, some).await, some) {
            (Err(error), [record]) if error.is_refusal() => {
                error.log_refusal(record.fence);
                recorded.push(Recorded::Refused);
            }
            (Err(error), some) if error.is_refusal() && some.len() > 1 => {
                let (left, right) = some.split_at(some.len() / 2);
                open.extend([right, left]);
            }
            (written, _) => recorded.extend(written?),
        }
    }
    Ok(recorded)
}

async fn write(inner: &Inner, records: &[&Prepared]) -> Result<Vec<Recorded>, LedgerError> {
    let mut tx = inner.begin().await?;
    let held = update_partitions(inner, &mut tx, records).await?;
    let kept: Vec<&Prepared> = records
        .iter()
        .copied()
        .filter(|record| held.contains(&record.fence))
        .collect();
    insert_counts(inner, &mut tx, &kept).await?;
    insert_items(inner, &mut tx, &kept).await?;
    add_dependents(inner, &mut tx, &kept).await?;
    credit::credit(inner, &mut tx, &kept).await?;
    let mut jobs = advance::update_jobs(inner, &mut tx, &job_changes(&kept)).await?;
    let stopped = abort(inner, &mut tx, &kept, &mut jobs).await?;
    let partitions = planned(&kept, &jobs);
    insert_partitions(inner, &mut tx, &partitions).await?;
    let cancelling: HashSet<JobId> = jobs
        .iter()
        .filter(|job| job.state == State::Cancelling)
        .map(|job| job.id)
        .collect();
    let paces: HashMap<JobId, Option<f64>> = jobs.iter().map(|job| (job.id, job.per_second)).collect();
    let finishing: Vec<Fence> = kept
        .iter()
        .filter(|record| record.ends)
        .map(|record| record.fence)
        .collect();
    let advanced = advance::advance(inner, &mut tx, jobs, &finishing).await?;
    let totals = kept.iter().flat_map(|record| record.totals.iter().cloned());
    inner
        .add_totals(&mut tx, totals.chain(stopped).chain(advanced.totals))
        .await?;
    tx.commit().await?;
    Ok(records
        .iter()
        .map(|record| {
            let id = record.job();
            if !held.contains(&record.fence) {
                Recorded::Lost
            } else if !record.ends {
                Recorded::GoesOn {
                    cancelling: cancelling.contains(&id),
                    per_second: paces.get(&id).copied().flatten(),
                }
            } else if let Some(ended) = advanced.ended.get(&id) {
                Recorded::JobEnded {
                    state: ended.state,
                    duration_ms: ended.duration_ms,
                }
            } else if advanced.read_back.contains(&(id, record.fence.ordinal)) {
                Recorded::ReadBack
            } else {
                let due = advanced.due.contains(&id);
                Recorded::Ended { due }
            }
        })
        .collect())
}

/// Begins to stop those jobs that a memory stops which changed in between, if one has; returns what
/// ending their partitions counts.
async fn abort(
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

/// Moves the partitions on; returns the fences of those whose lease still held.
async fn update_partitions(
    inner: &Inner,
    tx: &mut AnyConnection,
    records: &[&Prepared],
) -> Result<HashSet<Fence>, LedgerError> {
    let rows: Vec<&Value> = records.iter().map(|record| &record.partition).collect();
    let lease_ms = i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
    let held = sqlx::query(inner.sql(
        "-- ledger::record
        UPDATE partitions SET intent = CASE WHEN CAST(e.value->>'begun' AS BIGINT) = 1 THEN intent END, lease_token = lease_token + 1, rescues = 0, failures = 0,
            due_at = {now} + $2, state = e.value->>'state', error_code = e.value->>'code',
            progress = e.value->>'progress', snapshot = COALESCE(e.value->>'snapshot', snapshot),
            found = COALESCE(e.value->>'found', found), kind = e.value->>'kind',
            remaining = CAST(e.value->>'remaining' AS BIGINT)
        FROM {each}
        WHERE partitions.job_id = e.value->>'job' AND ordinal = CAST(e.value->>'ordinal' AS BIGINT)
          AND lease_token = CAST(e.value->>'token' AS BIGINT) AND state = {partition.running}
        RETURNING partitions.job_id, ordinal, lease_token - 1 AS token",
    ))
    .bind(json!(rows).to_string())
    .bind(lease_ms)
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

async fn insert_counts(inner: &Inner, tx: &mut AnyConnection, records: &[&Prepared]) -> Result<(), LedgerError> {
    let rows: Vec<&Value> = records.iter().flat_map(|record| &record.counts).collect();
    if rows.is_empty() {
        return Ok(());
    }
    add_counts(inner, tx, &json!(rows).to_string()).await
}

/// Adds to the counts of partitions.
pub(super) async fn add_counts(inner: &Inner, tx: &mut AnyConnection, rows: &str) -> Result<(), LedgerError> {
    sqlx::query(inner.sql(
        "-- ledger::record counts
        INSERT INTO counts (job_id, ordinal, store, outcome, n)
        SELECT e.value->>'job', CAST(e.value->>'ordinal' AS BIGINT), e.value->>'store', e.value->>'outcome',
            CAST(e.value->>'n' AS BIGINT)
        FROM {each} WHERE TRUE
        ON CONFLICT (job_id, ordinal, store, outcome) DO UPDATE SET n = counts.n + excluded.n",
    ))
    .bind(rows)
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_items(inner: &Inner, tx: &mut AnyConnection, records: &[&Prepared]) -> Result<(), LedgerError> {
    let rows: Vec<&Value> = records.iter().flat_map(|record| &record.items).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql(
        "-- ledger::record items
        INSERT INTO items (job_id, outcome, store, table_name, memory_key, memory_id, code, ordinal)
        SELECT e.value->>'job', e.value->>'outcome', e.value->>'store', e.value->>'table', e.value->>'key',
            e.value->>'id', e.value->>'code', CAST(e.value->>'ordinal' AS BIGINT)
        FROM {each} WHERE TRUE
        ON CONFLICT (job_id, outcome, memory_key, table_name, store, ordinal) DO NOTHING",
    ))
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds what went of dependent tables: one row of each, since an upsert touches none twice.
async fn add_dependents(inner: &Inner, tx: &mut AnyConnection, records: &[&Prepared]) -> Result<(), LedgerError> {
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

/// Sums what the records change in their jobs: one row a job, since an UPDATE applies one.
fn job_changes(records: &[&Prepared]) -> Vec<JobChange> {
    let mut changes: BTreeMap<JobId, JobChange> = BTreeMap::new();
    for record in records {
        let id = record.job();
        let change = changes.entry(id).or_insert_with(|| JobChange::new(id));
        change.add(&record.change);
    }
    changes.into_values().collect()
}

/// Returns the rows of what the records planned, numbered as their jobs count.
fn planned(records: &[&Prepared], jobs: &[JobRow]) -> Vec<Value> {
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
