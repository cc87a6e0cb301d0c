//! Beginning the next phase of jobs: their partitions become due.

use std::collections::HashSet;

use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::step::{JobRow, ids_of};
use crate::error_code::ErrorCode;
use crate::job::JobId;
use crate::ledger::db::rows::{self, Key};
use crate::ledger::db::{Inner, LedgerError, Moves};
use crate::ledger::types::Fence;
use crate::state::Event;

/// Moves jobs into their next phase. `which` is the condition for its partitions.
pub(super) async fn move_on(
    inner: &Inner,
    tx: &mut AnyConnection,
    event: Event,
    jobs: &[(&JobRow, Option<ErrorCode>)],
    which: &str,
) -> Result<(), LedgerError> {
    let moves = Moves::of(event);
    let round = i64::from(event == Event::ResidueFound);
    sqlx::query(inner.sql(&format!(
        "-- ledger::advance phase
        UPDATE jobs SET version = version + 1, state = {}, round = round + $2,
            unfinished = (SELECT COUNT(*) FROM partitions p WHERE p.job_id = jobs.id AND {which})
        FROM {{each}} WHERE jobs.id = e.value->>'id' AND jobs.id {{in_ids}} AND state IN ({})",
        moves.to, moves.from
    )))
    .bind(ids_of(jobs.iter().map(|(job, _)| *job)))
    .bind(round)
    .execute(tx)
    .await?;
    Ok(())
}

/// Turns erased partitions into partitions to read back. Those just finished stay with their worker. Returns these,
/// and whether there are others.
pub(super) async fn read_back(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[(&JobRow, Option<ErrorCode>)],
    finishing: &[Fence],
) -> Result<(HashSet<Key>, bool), LedgerError> {
    let due = sqlx::query(inner.sql(
        "-- ledger::advance read back
        UPDATE partitions SET kind = {kind.read_back}, state = {partition.due}, due_at = {now}, remaining = 0
        WHERE reads_back = 1 AND state = {partition.done} AND job_id {in_ids}",
    ))
    .bind(ids_of(jobs.iter().map(|(job, _)| *job)))
    .execute(&mut *tx)
    .await?;
    let moved: HashSet<JobId> = jobs.iter().map(|(job, _)| job.id).collect();
    let fences: Vec<Value> = finishing
        .iter()
        .filter(|fence| moved.contains(&fence.job))
        .map(|fence| rows::fence(*fence))
        .collect();
    let lease_ms = i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
    // The record of this transaction has incremented the lease token.
    let kept = sqlx::query(inner.sql(
        "-- ledger::advance keep
        UPDATE partitions SET state = {partition.running}, due_at = {now} + $2 FROM {each}
        WHERE {by_key} AND lease_token = CAST(e.value->>'token' AS BIGINT) + 1 AND kind = {kind.read_back}
          AND state || '' = {partition.due}
        RETURNING partitions.job_id, ordinal",
    ))
    .bind(json!(fences).to_string())
    .bind(lease_ms)
    .fetch_all(tx)
    .await?;
    let kept: HashSet<Key> = kept.iter().map(rows::key).collect::<Result<_, _>>()?;
    let others = due.rows_affected() > kept.len() as u64;
    Ok((kept, others))
}

/// Makes the blocked partitions of jobs due.
pub(super) async fn unblock(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[(&JobRow, Option<ErrorCode>)],
) -> Result<(), LedgerError> {
    sqlx::query(inner.sql(
        "-- ledger::advance unblock
        UPDATE partitions SET state = {partition.due}, due_at = {now}
        WHERE state = {partition.blocked} AND job_id {in_ids}",
    ))
    .bind(ids_of(jobs.iter().map(|(job, _)| *job)))
    .execute(tx)
    .await?;
    Ok(())
}
