//! Writing a group of records in one transaction.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::credit;
use super::ends::end_at_once;
use super::jobs::{abort, job_changes, planned};
use super::prepared::{End, Prepared, Recorded, Recording};
use super::statements::{add_dependents, insert_counts, insert_items, update_partitions};
use crate::job::JobId;
use crate::ledger::accept::insert_partitions;
use crate::ledger::advance;
use crate::ledger::db::{Grouped, Inner, LedgerError};
use crate::ledger::holds;
use crate::ledger::types::Fence;
use crate::state::State;

/// The most rows of one transaction, so that no caller waits long for a group.
const GROUP: usize = 20_000;

impl Grouped for Recording {
    type Answer = Vec<Recorded>;

    const GROUP: usize = GROUP;

    fn size(&self) -> usize {
        Self::size(self)
    }

    async fn together(inner: &Inner, group: &[Self]) -> Result<Vec<Vec<Recorded>>, LedgerError> {
        let records: Vec<&Prepared> = group.iter().flat_map(|recording| &recording.0).collect();
        let mut recorded = write_each(inner, &records).await?.into_iter();
        Ok(group
            .iter()
            .map(|recording| recorded.by_ref().take(recording.0.len()).collect())
            .collect())
    }
}

/// Writes records together: in one statement if each ends its job, otherwise in a transaction.
async fn write_each(inner: &Inner, records: &[&Prepared]) -> Result<Vec<Recorded>, LedgerError> {
    match end_at_once(inner, records).await? {
        Some(ended) => Ok(ended),
        None => write_halves(inner, records).await,
    }
}

/// Writes records together. If the ledger refuses a group, its halves are written apart, until only faulty
/// records are refused.
async fn write_halves(inner: &Inner, records: &[&Prepared]) -> Result<Vec<Recorded>, LedgerError> {
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
    let counted: Vec<&Value> = kept.iter().flat_map(|record| &record.holds).collect();
    holds::add(inner, &mut tx, &counted).await?;
    credit::credit(inner, &mut tx, &kept).await?;
    let mut jobs = advance::update_jobs(inner, &mut tx, &job_changes(&kept)).await?;
    let gone = kept
        .iter()
        .filter(|record| record.end == End::Gone)
        .map(|record| record.job());
    let gone: HashSet<JobId> = gone.collect();
    for job in jobs.iter_mut().filter(|job| job.next_ordinal == 1) {
        job.is_gone = gone.contains(&job.id);
    }
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
        .filter(|record| record.end != End::Open)
        .map(|record| record.fence)
        .collect();
    let mut advanced = advance::advance(inner, &mut tx, jobs, &finishing).await?;
    let totals = kept.iter().flat_map(|record| record.totals.iter().cloned());
    inner
        .add_totals(&mut tx, totals.chain(stopped).chain(advanced.totals))
        .await?;
    tx.commit().await?;
    if !advanced.ended.is_empty() || !advanced.held.is_empty() {
        inner.log.notify_one();
    }
    Ok(records
        .iter()
        .map(|record| {
            let id = record.job();
            if !held.contains(&record.fence) {
                Recorded::Lost
            } else if record.end == End::Open {
                Recorded::GoesOn {
                    cancelling: cancelling.contains(&id),
                    per_second: paces.get(&id).copied().flatten(),
                }
            } else if let Some(end) = advanced.ended.remove(&id).or_else(|| advanced.held.remove(&id)) {
                // Only the first of its records in this transaction reports it.
                Recorded::JobEnded {
                    state: end.state,
                    duration_ms: end.duration_ms,
                }
            } else if advanced.read_back.contains(&(id, record.fence.ordinal)) {
                Recorded::ReadBack {
                    others: advanced.others,
                }
            } else {
                let due = advanced.due.contains(&id);
                Recorded::Ended { due }
            }
        })
        .collect())
}
