//! Ending jobs, and their partitions that will not begin.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::close::{Close, FAILED, LEFT, close_partitions};
use super::step::{JobRow, ids_of};
use crate::error_code::ErrorCode;
use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError, Moves, rows};
use crate::ledger::totals::Increment;
use crate::ledger::types::JobEnd;
use crate::ledger::types::warning::{self, WarningCode};
use crate::state::{Event, State};

/// Ends the blocked partitions of ending jobs. Their residue counts as failed, or as left if the job was
/// cancelled. Planned partitions that were not erased count as left.
pub(super) async fn close_blocked(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[(&JobRow, Option<ErrorCode>)],
) -> Result<Vec<Increment>, LedgerError> {
    let mut increments = Vec::new();
    for (left, (to, outcome)) in [(false, FAILED), (true, LEFT)] {
        for unlisted in [false, true] {
            let some: Vec<&JobRow> = jobs
                .iter()
                .map(|(job, _)| *job)
                .filter(|job| matches!(job.state, State::Planning | State::Cancelling) == left)
                .filter(|job| job.unlisted == unlisted)
                .collect();
            let close = Close {
                from: "state = {partition.blocked}".to_owned(),
                to,
                outcome,
                unlisted,
                most: Close::ALL,
            };
            increments.extend(close_partitions(inner, tx, &ids_of(some), &close).await?.increments);
        }
    }
    Ok(increments)
}

/// Ends jobs.
pub(super) async fn end(
    inner: &Inner,
    tx: &mut AnyConnection,
    event: Event,
    jobs: &[(&JobRow, Option<ErrorCode>)],
) -> Result<HashMap<JobId, JobEnd>, LedgerError> {
    let moves = Moves::of(event);
    let list: Vec<Value> = jobs
        .iter()
        .map(|(job, code)| {
            let found = job.found.as_ref().map(|found| json!(found).to_string());
            // A job by ids reports for each id that it is absent.
            let succeeds = matches!(event, Event::Verified | Event::ErasedAndVerified | Event::Previewed);
            let nothing = job.unlisted && job.selected == 0 && succeeds;
            let warning = nothing.then(|| warning::of_job(WarningCode::NothingSelected));
            json!({"id": job.id, "code": code, "preview": found, "warning": warning})
        })
        .collect();
    // A success clears the errors of earlier tries.
    let code = if event == Event::Failed {
        "COALESCE(e.value->>'code', error_code)"
    } else {
        "NULL"
    };
    let ended = sqlx::query(inner.sql(&format!(
        "-- ledger::advance end
        UPDATE jobs SET version = version + 1, state = {}, ended_at = {{now}}, held_at = NULL, error_code = {code},
            preview = e.value->>'preview', endings = endings + CASE WHEN dry_run = 0 THEN 1 ELSE 0 END,
            warnings = COALESCE(warnings || ',' || (e.value->>'warning'), e.value->>'warning', warnings)
        FROM {{each}} WHERE jobs.id = e.value->>'id' AND jobs.id {{in_ids}} AND state IN ({})
        RETURNING jobs.id AS id, state, {{now}} - not_before AS duration",
        moves.to, moves.from
    )))
    .bind(json!(list).to_string())
    .fetch_all(tx)
    .await?;
    ends_of(&ended)
}

/// Returns the ends in rows with the columns `id`, `state` and `duration`, by job.
pub(super) fn ends_of(ended: &[AnyRow]) -> Result<HashMap<JobId, JobEnd>, LedgerError> {
    let end = |row: &AnyRow| -> Result<(JobId, JobEnd), LedgerError> {
        let end = JobEnd {
            id: rows::parsed(row, "jobs", "id")?,
            state: rows::parsed(row, "jobs", "state")?,
            duration_ms: row.try_get::<i64, _>("duration")?.max(0),
        };
        Ok((end.id, end))
    };
    ended.iter().map(end).collect()
}
