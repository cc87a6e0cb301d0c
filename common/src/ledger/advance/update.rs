//! Applying the changes that a transaction makes in jobs.

use std::collections::HashSet;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::change::JobChange;
use super::step::{Aborts, JobRow};
use crate::job::{JobId, SelectorKind};
use crate::ledger::db::{Inner, LedgerError, Moves, rows};
use crate::ledger::views::{course, recent};
use crate::state::Event;

/// Applies changes to jobs and returns the updated jobs. Jobs whose memories are [gone](JobChange::gone) end.
pub(in crate::ledger) async fn update_jobs(
    inner: &Inner,
    tx: &mut AnyConnection,
    changes: &[JobChange],
) -> Result<Vec<JobRow>, LedgerError> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<Value> = changes.iter().map(JobChange::row).collect();
    let rows = sqlx::query(inner.sql(&format!(
        "-- ledger::advance changes
        {}
        FROM {{each}} WHERE jobs.id = e.value->>'id' AND jobs.id {{in_ids}}
        RETURNING jobs.id AS id, state, next_ordinal, unfinished, dry_run, kind, failures, skipped, round, selected,
            max_selected, expect, per_second, aborts, CASE WHEN ended_at IS NOT NULL THEN {{now}} - not_before END AS ended_after",
        change_text()
    )))
    .bind(json!(list).to_string())
    .fetch_all(tx)
    .await?;
    let gone: HashSet<JobId> = changes
        .iter()
        .filter(|change| change.gone.is_some())
        .map(|change| change.id)
        .collect();
    rows.iter()
        .map(|row| {
            let id = rows::parsed(row, "jobs", "id")?;
            let ended_after: Option<i64> = row.try_get("ended_after")?;
            let limit: Option<i64> = row.try_get("max_selected")?;
            Ok(JobRow {
                id,
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
                ended_after: ended_after.filter(|_| gone.contains(&id)),
                is_gone: false,
                blocked: 0,
                held: 0,
                bad: None,
                bad_code: None,
                expect: rows::parsed_if_any(row, "jobs", "expect")?,
                found: None,
            })
        })
        .collect()
}

/// Returns the condition under which a change ends its job: all memories are [gone](JobChange::gone).
// Most jobs end with their only record. Ending them here updates the row and its many indexes once, not twice.
pub(in crate::ledger) fn gone(change: &str) -> String {
    let from = Moves::of(Event::ErasedAndVerified).from;
    format!(
        "(CAST({change}->>'gone' AS BIGINT) = jobs.selected + CAST({change}->>'selected' AS BIGINT) AND jobs.state IN ({from})
            AND jobs.next_ordinal = 1 AND jobs.unfinished = 1 AND jobs.failures = 0 AND jobs.skipped = 0 AND jobs.aborts = 0
            AND jobs.dry_run = 0)"
    )
}

/// Returns the statement that applies the changes in `e.value`, up to its `FROM`.
pub(in crate::ledger) fn change_text() -> String {
    let (gone, to) = (gone("e.value"), Moves::of(Event::ErasedAndVerified).to);
    let progress = "CAST(e.value->>'progress' AS BIGINT) = 1";
    let done = "CAST(e.value->>'done' AS BIGINT)";
    let rate = recent::after(done);
    let samples = course::is_due(progress);
    let course = course::with_sample(&format!("accounted + {done}"));
    // A job that makes progress again has recovered from its last error. A partition that failed for good stays its error.
    format!(
        "UPDATE jobs SET version = version + 1,
            state = CASE WHEN {gone} THEN {to} ELSE state END,
            ended_at = CASE WHEN {gone} THEN {{now}} ELSE ended_at END,
            endings = endings + CASE WHEN {gone} THEN 1 ELSE 0 END,
            unfinished = unfinished - CAST(e.value->>'ended' AS BIGINT),
            selected = selected + CAST(e.value->>'selected' AS BIGINT),
            next_ordinal = next_ordinal + CAST(e.value->>'planned' AS BIGINT),
            failures = failures + CAST(e.value->>'failures' AS BIGINT),
            skipped = skipped + CAST(e.value->>'skipped' AS BIGINT),
            progressed_at = CASE WHEN {progress} THEN {{now}} ELSE progressed_at END,
            rate = CASE WHEN {progress} THEN {rate} ELSE rate END,
            accounted = accounted + {done},
            sampled_at = CASE WHEN {samples} THEN {{now}} ELSE sampled_at END,
            course = CASE WHEN {samples} THEN {course} ELSE course END,
            error_code = CASE WHEN {gone} OR {progress} AND failures = 0 THEN e.value->>'code' ELSE COALESCE(e.value->>'code', error_code) END,
            snapshot = CASE WHEN snapshot = {{snapshot.batch}} THEN snapshot ELSE COALESCE(e.value->>'snapshot', snapshot) END,
            warnings = COALESCE(warnings || ',' || (e.value->>'warnings'), e.value->>'warnings', warnings),
            version_erased = CASE WHEN kind = {{selector.ids}} AND (next_ordinal = 1 OR selected = 1)
                THEN COALESCE(CAST(e.value->>'version_erased' AS BIGINT), version_erased) END"
    )
}
