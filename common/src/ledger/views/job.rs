//! Jobs as callers read them. This module writes nothing.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::attempts::Attempt;
use super::counts::{StoreCounts, counts_of};
use super::recent;
use super::waits::{Facts, Waits};
use crate::error_code::StoredCode;
use crate::job::JobId;
use crate::ledger::db::{Grouped, Inner, Ledger, LedgerError, rows};
use crate::ledger::types::{Deadline, Extended, Legal, Marks, Preview, Standing, Wait, Warning};
use crate::schedule::Windows;
use crate::selection::Digest;
use crate::state::State;

/// A job as callers see it.
#[derive(Debug, Clone)]
pub struct JobView {
    /// The id.
    pub id: JobId,
    /// Grows with every change.
    pub version: u64,
    /// The caller of the request.
    pub principal: String,
    /// The state.
    pub state: State,
    /// `ids`, `query` or `subject`.
    pub kind: String,
    /// The target that the request names.
    pub target: Option<String>,
    /// The targets that it is about.
    pub targets: BTreeSet<String>,
    /// The table that the request names.
    pub table: Option<String>,
    /// Whether it is a dry run, which touches nothing.
    pub dry_run: bool,
    /// The most memories it may select.
    pub limit: Option<u64>,
    /// The expected selection.
    pub expect: Option<Digest>,
    /// The selection that a preview or a check found, once all of the job was read.
    pub preview: Option<Preview>,
    /// The rate limit, in memories a second.
    pub per_second: Option<f64>,
    /// The milliseconds that it waited for its rate limit.
    pub throttled_ms: u64,
    /// The milliseconds until its rate limit lets the next batch begin; 0 if it need not wait.
    pub throttled_for_ms: u64,
    /// The most memories of a batch, if the request sets it.
    pub batch: Option<u64>,
    /// The number of slices by which it is counted, if the request sets it.
    pub slices: Option<u64>,
    /// The caller's name for the request.
    pub opaque_id: Option<String>,
    /// The schedule that created it.
    pub schedule: Option<String>,
    /// The caller's own words about it.
    pub marks: Marks,
    /// The ground of the erasure, and its deadline.
    pub legal: Legal,
    /// How it stands to its deadline, if it has one.
    pub standing: Option<Standing>,
    /// The reason why it does not move now; absent: it moves, or has ended.
    pub waits_for: Option<Wait>,
    /// Whether its result as a task was deleted.
    pub task_forgotten: bool,
    /// The time of its acceptance. All times here are milliseconds since 1970.
    pub accepted_at: i64,
    /// The earliest start.
    pub not_before: i64,
    /// The time at which its first partition was claimed.
    pub started_at: Option<i64>,
    /// The time of its end.
    pub ended_at: Option<i64>,
    /// The time since when only holds keep memories of it; absent: it is not held.
    pub held_at: Option<i64>,
    /// The time at which its ids left the ledger.
    pub forgotten_at: Option<i64>,
    /// The number of the attempt: 1, and one more for each retry by a person.
    pub attempt: u64,
    /// The results of each attempt, the present one last. Empty for a job that was not retried.
    pub attempts: Vec<Attempt>,
    /// Memories that earlier attempts erased or found absent.
    pub settled: u64,
    /// Rounds in which reading back found something.
    pub round: u64,
    /// Memories that it selects.
    pub selected: u64,
    /// Memories not accounted for yet, in each store.
    pub remaining: u64,
    /// While it has not ended: the memories accounted for in a second, over the last seconds.
    pub recent_rate: Option<f64>,
    /// The last error, until the job makes progress again.
    pub error_code: Option<StoredCode>,
    /// For a job with exactly one id, once its row is erased: the version of the row, if a version
    /// is mapped.
    pub version_erased: Option<i64>,
    /// For a job by query, once it is planned: the kind of its snapshot, `created_at`, `batch` or `plan`.
    pub snapshot: Option<String>,
    /// Facts that a caller should know although nothing has failed.
    pub warnings: BTreeSet<Warning>,
    /// The earliest next attempt, if every open partition waits for one.
    pub next_attempt_at: Option<i64>,
    /// The counts, by store.
    pub stores: Vec<StoreCounts>,
    /// The ledger's clock when this was read.
    pub now: i64,
}

// The state of what waits or runs is hidden from the indexes by state, as in `HELD`: partitions are found by their job.
const JOB_COLUMNS: &str =
    "id, version, principal, state, kind, target, targets, table_name, dry_run, max_selected, expect, preview, per_second,
    throttled_till, throttled_ms, reserved_at, batch_size, slices, opaque_id, schedule, reference, labels, windows, task_forgotten,
    regulation, legal_ground, received_at, deadline_at, extended_from, extension,
    progressed_at, rate, accepted_at, not_before, started_at, ended_at, held_at, forgotten_at, attempt, settled, attempts, carried, round, selected, error_code, summary,
    version_erased, snapshot, '[' || warnings || ']' AS warnings,
    {now} AS now_ms,
    (SELECT CAST(COALESCE(SUM(remaining), 0) AS BIGINT) FROM partitions
     WHERE job_id = jobs.id AND state IN ({partition.blocked}, {partition.due}, {partition.running})) AS remaining,
    (SELECT CASE WHEN SUM(CASE WHEN state = {partition.running} THEN 1 ELSE 0 END) = 0 THEN MIN(due_at) END FROM partitions
     WHERE job_id = jobs.id AND state || '' IN ({partition.due}, {partition.running})) AS next_attempt_at";

impl Ledger {
    /// Returns a job. An incomplete upload is not a job yet.
    pub async fn job(&self, id: JobId) -> Result<Option<JobView>, LedgerError> {
        let row = sqlx::query(self.inner.sql(&format!(
            "-- ledger::job\nSELECT {JOB_COLUMNS} FROM jobs WHERE id = $1 AND state <> {{job.receiving}}"
        )))
        .bind(id.to_string())
        .fetch_optional(&self.inner.read)
        .await?;
        Ok(match row {
            Some(row) => views(&self.inner, &[row]).await?.pop(),
            None => None,
        })
    }

    /// Returns whether a job has ended or is held, so that no worker moves it on; `false` for an unknown job.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn rests(&self, id: JobId) -> Result<bool, LedgerError> {
        let rests = sqlx::query(self.inner.sql(
            "-- ledger::rests\nSELECT 1 AS rests FROM jobs WHERE id = $1 AND (ended_at IS NOT NULL OR held_at IS NOT NULL)",
        ))
        .bind(id.to_string())
        .fetch_optional(&self.inner.read)
        .await?;
        Ok(rests.is_some())
    }

    /// Returns a small job, as [`Ledger::job`] does. Simultaneous callers share the reads.
    // Only for small jobs: reading a job of a million partitions takes a second, and the other callers would wait.
    pub async fn small_job(&self, id: JobId) -> Result<Option<JobView>, LedgerError> {
        self.inner.groups.together(Look(id)).await
    }

    /// Returns jobs in the order of their ids in `ids`. Unknown jobs are skipped.
    pub async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<JobView>, LedgerError> {
        let looks: Vec<Look> = ids.iter().copied().map(Look).collect();
        let jobs = Look::together(&self.inner, &looks).await?;
        Ok(jobs.into_iter().flatten().collect())
    }
}

/// The read of one job, which shares a statement with simultaneous reads.
struct Look(JobId);

impl Grouped for Look {
    type Answer = Option<JobView>;

    const GROUP: usize = 256;

    fn size(&self) -> usize {
        1
    }

    async fn together(inner: &Inner, group: &[Self]) -> Result<Vec<Option<JobView>>, LedgerError> {
        let ids: Vec<Value> = group.iter().map(|Look(id)| json!({"id": id})).collect();
        let rows = sqlx::query(inner.sql(&format!(
            "-- ledger::small jobs\nSELECT {JOB_COLUMNS} FROM jobs WHERE id {{in_ids}} AND state <> {{job.receiving}}"
        )))
        .bind(json!(ids).to_string())
        .fetch_all(&inner.read)
        .await?;
        let jobs = views(inner, &rows).await?;
        let jobs: HashMap<JobId, JobView> = jobs.into_iter().map(|job| (job.id, job)).collect();
        Ok(group.iter().map(|Look(id)| jobs.get(id).cloned()).collect())
    }
}

async fn views(inner: &Inner, rows: &[AnyRow]) -> Result<Vec<JobView>, LedgerError> {
    let (mut ids, mut open) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let id = json!({"id": row.try_get::<String, _>("id")?});
        let (ended_at, held_at): (Option<i64>, Option<i64>) = (row.try_get("ended_at")?, row.try_get("held_at")?);
        if ended_at.or(held_at).is_none() {
            open.push(id.clone());
        }
        ids.push(id);
    }
    let mut counts = counts_of(inner, &json!(ids).to_string()).await?;
    // A caller that waits for the end of a job reads it when it has ended. A held job has no open partition.
    let waits = if open.is_empty() {
        Waits::default()
    } else {
        Waits::of(inner, &json!(open).to_string()).await?
    };
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let stores = match row.try_get::<Option<String>, _>("summary")? {
                Some(_) => rows::json(row, "jobs", "summary")?,
                None => counts.remove(&id).unwrap_or_default(),
            };
            view(row, stores, &waits, inner.options.due_soon)
        })
        .collect()
}

/// Splits a list that is separated by commas.
pub(super) fn targets(list: &str) -> BTreeSet<String> {
    let names = list.split(',').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn view(row: &AnyRow, stores: Vec<StoreCounts>, waits: &Waits, soon: Duration) -> Result<JobView, LedgerError> {
    let optional = |column| -> Result<Option<u64>, LedgerError> {
        Ok(row
            .try_get::<Option<i64>, _>(column)?
            .map(|n| u64::try_from(n).unwrap_or(0)))
    };
    let (now, ended_at): (i64, Option<i64>) = (row.try_get("now_ms")?, row.try_get("ended_at")?);
    let held_at: Option<i64> = row.try_get("held_at")?;
    let rests_since = ended_at.or(held_at);
    // The reserved time that has not passed yet.
    let ahead = row.try_get::<i64, _>("throttled_till")? - rests_since.unwrap_or(now);
    let ahead = u64::try_from(ahead).unwrap_or(0);
    let waits_for = match ended_at {
        None => waits.of_job(row.try_get("id")?, &facts(row, now)?),
        Some(_) => None,
    };
    let mut view = JobView {
        id: rows::parsed(row, "jobs", "id")?,
        version: rows::number(row, "version")?,
        principal: row.try_get("principal")?,
        state: rows::parsed(row, "jobs", "state")?,
        kind: row.try_get("kind")?,
        target: row.try_get("target")?,
        targets: targets(row.try_get("targets")?),
        table: row.try_get("table_name")?,
        dry_run: row.try_get::<i64, _>("dry_run")? != 0,
        limit: optional("max_selected")?,
        expect: rows::parsed_if_any(row, "jobs", "expect")?,
        preview: match row.try_get::<Option<String>, _>("preview")? {
            Some(_) => Some(rows::json(row, "jobs", "preview")?),
            None => None,
        },
        per_second: row.try_get("per_second")?,
        throttled_ms: rows::number(row, "throttled_ms")?.saturating_sub(ahead),
        throttled_for_ms: if rests_since.is_some() { 0 } else { ahead },
        batch: optional("batch_size")?,
        slices: optional("slices")?,
        opaque_id: row.try_get("opaque_id")?,
        schedule: row.try_get("schedule")?,
        marks: rows::marks(row, "jobs")?,
        legal: legal(row)?,
        standing: None,
        waits_for,
        task_forgotten: row.try_get::<i64, _>("task_forgotten")? != 0,
        accepted_at: row.try_get("accepted_at")?,
        not_before: row.try_get("not_before")?,
        started_at: row.try_get("started_at")?,
        ended_at,
        held_at,
        forgotten_at: row.try_get("forgotten_at")?,
        attempt: rows::number(row, "attempt")?,
        attempts: Vec::new(),
        settled: rows::number(row, "settled")?,
        round: rows::number(row, "round")?,
        selected: rows::number(row, "selected")?,
        remaining: rows::number(row, "remaining")?,
        recent_rate: recent_rate(row, now)?.filter(|_| rests_since.is_none()),
        error_code: rows::code(row, "error_code")?,
        version_erased: row.try_get("version_erased")?,
        snapshot: row.try_get("snapshot")?,
        warnings: warnings(row)?,
        next_attempt_at: row.try_get("next_attempt_at")?,
        stores,
        now,
    };
    let deadline = view.legal.deadline.as_ref();
    view.standing = deadline.map(|deadline| deadline.standing(view.state, ended_at, now, soon));
    if row.try_get::<Option<String>, _>("attempts")?.is_some() {
        let carried: Vec<StoreCounts> = rows::json(row, "jobs", "carried")?;
        view.attempts = rows::json(row, "jobs", "attempts")?;
        view.attempts.push(Attempt::present(&view, &carried));
    }
    Ok(view)
}

/// Reads the legal facts of a job.
fn legal(row: &AnyRow) -> Result<Legal, LedgerError> {
    let deadline = match (
        row.try_get("regulation")?,
        row.try_get("received_at")?,
        row.try_get("deadline_at")?,
    ) {
        (Some(regulation), Some(received_at), Some(due_at)) => Some(Deadline {
            regulation,
            received_at,
            due_at,
            extended: match (
                row.try_get("extended_from")?,
                rows::parsed_if_any(row, "jobs", "extension")?,
            ) {
                (Some(from), Some(reason)) => Some(Extended { from, reason }),
                _ => None,
            },
        }),
        _ => None,
    };
    Ok(Legal {
        ground: rows::parsed_if_any(row, "jobs", "legal_ground")?,
        deadline,
    })
}

/// Returns the facts that decide what a job waits for.
pub(super) fn facts(row: &AnyRow, now: i64) -> Result<Facts, LedgerError> {
    let windows: Option<Windows> = match row.try_get::<Option<String>, _>("windows")? {
        Some(_) => Some(rows::json(row, "jobs", "windows")?),
        None => None,
    };
    Ok(Facts {
        now,
        accepted_at: row.try_get("accepted_at")?,
        not_before: row.try_get("not_before")?,
        progressed_at: row.try_get("progressed_at")?,
        held_at: row.try_get("held_at")?,
        reserved_at: row.try_get("reserved_at")?,
        throttled_till: row.try_get("throttled_till")?,
        windows,
        cancelling: rows::says(row, "state", State::Cancelling)?,
    })
}

/// Returns the rate of the last seconds, once the attempt has started.
fn recent_rate(row: &AnyRow, now: i64) -> Result<Option<f64>, LedgerError> {
    let Some(started_at) = row.try_get::<Option<i64>, _>("started_at")? else {
        return Ok(None);
    };
    let idle_since: Option<i64> = row.try_get("progressed_at")?;
    let idle_ms = now - idle_since.unwrap_or(started_at);
    Ok(Some(recent::now(row.try_get("rate")?, now - started_at, idle_ms)))
}

/// Reads a job's warnings, each once: several names of a person are planned apart in the same table.
fn warnings(row: &AnyRow) -> Result<BTreeSet<Warning>, LedgerError> {
    match row.try_get::<Option<String>, _>("warnings")? {
        Some(_) => rows::json(row, "jobs", "warnings"),
        None => Ok(BTreeSet::new()),
    }
}
