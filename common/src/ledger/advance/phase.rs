//! Moving jobs from one phase to the next, and to their end.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::change::JobChange;
use super::close::{Close, FAILED, LEFT, close_partitions};
use super::found;
use super::step::{Aborts, JobRow, step};
use crate::error_code::ErrorCode;
use crate::job::{JobId, SelectorKind};
use crate::ledger::db::rows::{self, Key};
use crate::ledger::db::{Inner, LedgerError, Moves};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::warning::{self, WarningCode};
use crate::ledger::types::{Fence, SnapshotKind};
use crate::state::{Event, State};

/// A job that has ended.
pub(in crate::ledger) struct Ended {
    pub(in crate::ledger) state: State,
    pub(in crate::ledger) duration_ms: i64,
}

/// What [`advance`] did.
#[derive(Default)]
pub(in crate::ledger) struct Advanced {
    pub(in crate::ledger) ended: HashMap<JobId, Ended>,
    /// Jobs whose next phase has begun: its partitions are due.
    pub(in crate::ledger) due: HashSet<JobId>,
    /// Partitions that are now to be read back under the lease they were erased under.
    pub(in crate::ledger) read_back: HashSet<Key>,
    pub(in crate::ledger) totals: Vec<Increment>,
}

/// Applies changes to jobs and returns how they stand.
pub(in crate::ledger) async fn update_jobs(
    inner: &Inner,
    tx: &mut AnyConnection,
    changes: &[JobChange],
) -> Result<Vec<JobRow>, LedgerError> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<Value> = changes
        .iter()
        .map(|change| {
            json!({
                "id": change.id, "ended": change.ended, "selected": change.selected, "planned": change.planned,
                "failures": change.failures, "skipped": change.skipped, "progress": i64::from(change.progress), "code": change.code, "version_erased": change.version_erased,
                "snapshot": change.snapshot.map(SnapshotKind::as_str), "warnings": change.warnings,
            })
        })
        .collect();
    let rows = sqlx::query(inner.sql(
        "-- ledger::advance changes
        UPDATE jobs SET version = version + 1,
            unfinished = unfinished - CAST(e.value->>'ended' AS BIGINT),
            selected = selected + CAST(e.value->>'selected' AS BIGINT),
            next_ordinal = next_ordinal + CAST(e.value->>'planned' AS BIGINT),
            failures = failures + CAST(e.value->>'failures' AS BIGINT),
            skipped = skipped + CAST(e.value->>'skipped' AS BIGINT),
            progressed_at = CASE WHEN CAST(e.value->>'progress' AS BIGINT) = 1 THEN {now} ELSE progressed_at END,
            error_code = COALESCE(e.value->>'code', error_code),
            snapshot = CASE WHEN snapshot = {snapshot.batch} THEN snapshot ELSE COALESCE(e.value->>'snapshot', snapshot) END,
            warnings = COALESCE(warnings || ',' || (e.value->>'warnings'), e.value->>'warnings', warnings),
            version_erased = CASE WHEN kind = {selector.ids} AND (next_ordinal = 1 OR selected = 1)
                THEN COALESCE(CAST(e.value->>'version_erased' AS BIGINT), version_erased) END
        FROM {each} WHERE jobs.id = e.value->>'id'
        RETURNING jobs.id AS id, state, next_ordinal, unfinished, dry_run, kind, failures, skipped, round, selected,
            max_selected, expect, per_second, aborts",
    ))
    .bind(json!(list).to_string())
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            let limit: Option<i64> = row.try_get("max_selected")?;
            Ok(JobRow {
                id: rows::parsed(row, "jobs", "id")?,
                state: rows::parsed(row, "jobs", "state")?,
                next_ordinal: row.try_get("next_ordinal")?,
                unfinished: row.try_get("unfinished")?,
                per_second: row.try_get("per_second")?,
                aborts: match row.try_get("aborts")? {
                    0_i64 => Aborts::Never,
                    1 => Aborts::AtConflict,
                    _ => Aborts::Now,
                },
                dry_run: row.try_get::<i64, _>("dry_run")? != 0,
                unlisted: !rows::says(row, "kind", SelectorKind::Ids)?,
                is_query: rows::says(row, "kind", SelectorKind::Query)?,
                failures: row.try_get("failures")?,
                skipped: row.try_get("skipped")?,
                round: rows::small_number(row, "round")?,
                selected: rows::number(row, "selected")?,
                limit: limit.map(|limit| u64::try_from(limit).unwrap_or(0)),
                blocked: 0,
                bad: None,
                bad_code: None,
                expect: rows::parsed_if_any(row, "jobs", "expect")?,
                found: None,
            })
        })
        .collect()
}

/// Moves on those of the jobs that have no unfinished partition left.
pub(in crate::ledger) async fn advance(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: Vec<JobRow>,
    finishing: &[Fence],
) -> Result<Advanced, LedgerError> {
    let mut ready: Vec<JobRow> = jobs.into_iter().filter(|job| job.unfinished == 0).collect();
    let mut advanced = Advanced::default();
    if ready.is_empty() {
        return Ok(advanced);
    }
    look_back(inner, tx, &mut ready).await?;
    found::gather(inner, tx, &mut ready).await?;
    let mut steps: HashMap<Event, Vec<(&JobRow, Option<ErrorCode>)>> = HashMap::new();
    for job in &ready {
        if let Some((event, code)) = step(job, inner.options.max_rounds) {
            steps.entry(event).or_default().push((job, code));
        }
    }
    for (event, jobs) in steps {
        if matches!(event, Event::Planned | Event::Erased | Event::ResidueFound) {
            advanced.due.extend(jobs.iter().map(|(job, _)| job.id));
        }
        match event {
            Event::Erased => {
                move_on(inner, tx, event, &jobs, "reads_back = 1 AND state = {partition.done}").await?;
                advanced.read_back = read_back(inner, tx, &jobs, finishing).await?;
            }
            Event::Planned | Event::ResidueFound => {
                move_on(inner, tx, event, &jobs, "state = {partition.blocked}").await?;
                unblock(inner, tx, &jobs).await?;
            }
            _ => {
                if matches!(event, Event::Failed | Event::Stopped) {
                    advanced.totals.extend(close_blocked(inner, tx, &jobs).await?);
                }
                end(inner, tx, event, &jobs, &mut advanced).await?;
            }
        }
    }
    Ok(advanced)
}

/// Reads what the end of a phase depends on.
async fn look_back(inner: &Inner, tx: &mut AnyConnection, jobs: &mut [JobRow]) -> Result<(), LedgerError> {
    let ends = |job: &&JobRow| match job.state {
        State::Running | State::Verifying => !job.dry_run,
        State::Planning => job.skipped > 0,
        _ => false,
    };
    let ids = ids_of(jobs.iter().filter(ends));
    if ids == "[]" {
        return Ok(());
    }
    let found = sqlx::query(inner.sql(
        "-- ledger::advance look back
        SELECT job_id, {partition.blocked} AS what, COUNT(*) AS n FROM partitions
        WHERE state = {partition.blocked} AND job_id IN (SELECT e.value->>'id' FROM {each}) GROUP BY job_id
        UNION ALL
        SELECT job_id, outcome AS what, CAST(SUM(n) AS BIGINT) AS n FROM counts
        WHERE outcome IN ({outcome.failed}, {outcome.unsupported}, {outcome.unverifiable})
          AND job_id IN (SELECT e.value->>'id' FROM {each}) GROUP BY job_id, outcome
        UNION ALL
        SELECT job_id, code AS what, COUNT(*) AS n FROM items
        WHERE (outcome = {outcome.failed} OR code = {code.point_conflict}) AND code IS NOT NULL
          AND job_id IN (SELECT e.value->>'id' FROM {each}) GROUP BY job_id, code",
    ))
    .bind(ids)
    .fetch_all(tx)
    .await?;
    for row in &found {
        let id: JobId = rows::parsed(row, "partitions", "job_id")?;
        let (what, n): (String, u64) = (row.try_get("what")?, rows::number(row, "n")?);
        if let Some(job) = jobs.iter_mut().find(|job| job.id == id).filter(|_| n > 0) {
            if what == PartitionState::Blocked.as_str() {
                job.blocked = n;
            } else if let Ok(outcome) = what.parse() {
                // A failure says more than what could not be established.
                job.bad = Some(job.bad.map_or(outcome, |known| known.max(outcome)));
            } else if let Ok(code) = what.parse() {
                job.meet(code);
            }
        }
    }
    Ok(())
}

/// Moves jobs into their next phase, whose partitions are those that `which` describes.
async fn move_on(
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
        FROM {{each}} WHERE jobs.id = e.value->>'id' AND state IN ({})",
        moves.to, moves.from
    )))
    .bind(ids_of(jobs.iter().map(|(job, _)| *job)))
    .bind(round)
    .execute(tx)
    .await?;
    Ok(())
}

/// Turns what was erased into partitions that read back; those just finished stay with their worker.
async fn read_back(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[(&JobRow, Option<ErrorCode>)],
    finishing: &[Fence],
) -> Result<HashSet<Key>, LedgerError> {
    sqlx::query(inner.sql(
        "-- ledger::advance read back
        UPDATE partitions SET kind = {kind.read_back}, state = {partition.due}, due_at = {now}, remaining = 0
        WHERE reads_back = 1 AND state = {partition.done} AND job_id IN (SELECT e.value->>'id' FROM {each})",
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
    // The record that brought us here has moved the fence on by one.
    let kept = sqlx::query(inner.sql(
        "-- ledger::advance keep
        UPDATE partitions SET state = {partition.running}, due_at = {now} + $2 FROM {each}
        WHERE partitions.job_id = e.value->>'job' AND ordinal = CAST(e.value->>'ordinal' AS BIGINT)
          AND lease_token = CAST(e.value->>'token' AS BIGINT) + 1 AND kind = {kind.read_back} AND state = {partition.due}
        RETURNING partitions.job_id, ordinal",
    ))
    .bind(json!(fences).to_string())
    .bind(lease_ms)
    .fetch_all(tx)
    .await?;
    kept.iter().map(rows::key).collect()
}

async fn unblock(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[(&JobRow, Option<ErrorCode>)],
) -> Result<(), LedgerError> {
    sqlx::query(inner.sql(
        "-- ledger::advance unblock
        UPDATE partitions SET state = {partition.due}, due_at = {now}
        WHERE state = {partition.blocked} AND job_id IN (SELECT e.value->>'id' FROM {each})",
    ))
    .bind(ids_of(jobs.iter().map(|(job, _)| *job)))
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the partitions that a job which ends will not begin: residue counts as failed, and as left
/// if the job was cancelled; so does a plan that was not carried out.
async fn close_blocked(
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

async fn end(
    inner: &Inner,
    tx: &mut AnyConnection,
    event: Event,
    jobs: &[(&JobRow, Option<ErrorCode>)],
    advanced: &mut Advanced,
) -> Result<(), LedgerError> {
    let moves = Moves::of(event);
    let list: Vec<Value> = jobs
        .iter()
        .map(|(job, code)| {
            let found = job.found.as_ref().map(|found| json!(found).to_string());
            // Of ids, what is absent is said of each.
            let nothing = job.unlisted && job.selected == 0 && matches!(event, Event::Verified | Event::Previewed);
            let warning = nothing.then(|| warning::of_job(WarningCode::NothingSelected));
            json!({"id": job.id, "code": code, "preview": found, "warning": warning})
        })
        .collect();
    // A success forgets the errors that it got over.
    let code = if event == Event::Failed {
        "COALESCE(e.value->>'code', error_code)"
    } else {
        "NULL"
    };
    let ended = sqlx::query(inner.sql(&format!(
        "-- ledger::advance end
        UPDATE jobs SET version = version + 1, state = {}, ended_at = {{now}}, error_code = {code},
            preview = e.value->>'preview',
            warnings = COALESCE(warnings || ',' || (e.value->>'warning'), e.value->>'warning', warnings)
        FROM {{each}} WHERE jobs.id = e.value->>'id' AND state IN ({})
        RETURNING jobs.id AS id, state, {{now}} - not_before AS duration",
        moves.to, moves.from
    )))
    .bind(json!(list).to_string())
    .fetch_all(tx)
    .await?;
    for row in &ended {
        let state: State = rows::parsed(row, "jobs", "state")?;
        advanced
            .totals
            .push(Increment::new(TotalsMetric::Ended, "", None, state.as_str(), 1));
        let ended = Ended {
            state,
            duration_ms: row.try_get::<i64, _>("duration")?.max(0),
        };
        advanced.ended.insert(rows::parsed(row, "jobs", "id")?, ended);
    }
    Ok(())
}

fn ids_of<'a>(jobs: impl IntoIterator<Item = &'a JobRow>) -> String {
    json!(jobs.into_iter().map(|job| json!({"id": job.id})).collect::<Vec<_>>()).to_string()
}
