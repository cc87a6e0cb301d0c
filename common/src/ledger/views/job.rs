//! What callers read of jobs. Nothing here writes.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::attempts::Attempt;
use super::counts::{StoreCounts, counts_of};
use crate::error_code::StoredCode;
use crate::job::JobId;
use crate::ledger::db::{Grouped, Inner, Ledger, LedgerError, rows};
use crate::ledger::types::{Preview, Warning};
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
    /// Who asked.
    pub principal: String,
    /// The state.
    pub state: State,
    /// `ids`, `query` or `subject`.
    pub kind: String,
    /// The target as asked.
    pub target: Option<String>,
    /// The targets that it is about.
    pub targets: BTreeSet<String>,
    /// The table as asked.
    pub table: Option<String>,
    /// Whether nothing is touched.
    pub dry_run: bool,
    /// The most memories it may select.
    pub limit: Option<u64>,
    /// What it must select.
    pub expect: Option<Digest>,
    /// What a look found, once everything was looked at.
    pub preview: Option<Preview>,
    /// The most memories a second.
    pub per_second: Option<f64>,
    /// For how many milliseconds it waited to keep its pace.
    pub throttled_ms: u64,
    /// In how many milliseconds its next batch may begin, if it waits to keep its pace.
    pub throttled_for_ms: u64,
    /// The most memories of a batch, where somebody said so.
    pub batch: Option<u64>,
    /// By how many slices it is counted, where somebody said so.
    pub slices: Option<u64>,
    /// What the caller calls the request.
    pub opaque_id: Option<String>,
    /// The schedule that made it.
    pub schedule: Option<String>,
    /// Whether it waits for a window to open.
    pub waits_for_window: bool,
    /// Whether its result as a task was deleted.
    pub task_forgotten: bool,
    /// Milliseconds since 1970; so are all times here.
    pub accepted_at: i64,
    /// When it may start.
    pub not_before: i64,
    /// When its first partition was claimed.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// When its ids left the ledger.
    pub forgotten_at: Option<i64>,
    /// 1 and the retries asked for by a person.
    pub attempt: u64,
    /// What each attempt did, the present one last; nothing for a job that was not tried again.
    pub attempts: Vec<Attempt>,
    /// Memories that earlier attempts erased or found absent.
    pub settled: u64,
    /// Rounds in which reading back found something.
    pub round: u64,
    /// Memories it is about.
    pub selected: u64,
    /// Memories not accounted for yet, in each store.
    pub remaining: u64,
    /// The last error.
    pub error_code: Option<StoredCode>,
    /// Of a job with exactly one id, once its row is erased: the version that the row had, where one
    /// is mapped.
    pub version_erased: Option<i64>,
    /// Of a job by query, once it is planned: how it tells what was there at its start: `created_at`,
    /// `batch` or `plan`.
    pub snapshot: Option<String>,
    /// What somebody should know although nothing has failed.
    pub warnings: BTreeSet<Warning>,
    /// The earliest next attempt, if every open partition waits for one.
    pub next_attempt_at: Option<i64>,
    /// The counts, by store.
    pub stores: Vec<StoreCounts>,
    /// The ledger's clock when this was read.
    pub now: i64,
}

/// Whose jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    All,
    /// This principal's.
    Of(String),
    /// This principal's, and everybody's that are about one of these targets alone or about several targets.
    OfOrAbout(String, BTreeSet<String>),
}

impl Whose {
    /// Returns the principal, empty for everybody, and the targets as a list that a statement opens.
    pub(in crate::ledger) fn parts(&self) -> (&str, String) {
        let none = BTreeSet::new();
        let (principal, targets) = match self {
            Self::All => ("", &none),
            Self::Of(principal) => (principal.as_str(), &none),
            Self::OfOrAbout(principal, targets) => (principal.as_str(), targets),
        };
        let targets: Vec<Value> = targets.iter().map(|target| json!({"t": target})).collect();
        (principal, json!(targets).to_string())
    }
}

/// Which jobs to list.
#[derive(Debug, Clone)]
pub struct JobFilter {
    /// Whose.
    pub whose: Whose,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those that named this target.
    pub target: Option<String>,
    /// Only those that this schedule made.
    pub schedule: Option<String>,
    /// Only tasks: jobs by query that have not ended.
    pub tasks: bool,
    /// Only those accepted before this one.
    pub after: Option<JobId>,
    /// The most to return.
    pub limit: u32,
}

const JOB_COLUMNS: &str =
    "id, version, principal, state, kind, target, targets, table_name, dry_run, max_selected, expect, preview, per_second,
    throttled_till, throttled_ms, batch_size, slices, opaque_id, schedule, windows, task_forgotten,
    accepted_at, not_before, started_at, ended_at, forgotten_at, attempt, settled, attempts, carried, round, selected, error_code, summary,
    version_erased, snapshot, '[' || warnings || ']' AS warnings,
    {now} AS now_ms,
    (SELECT CAST(COALESCE(SUM(remaining), 0) AS BIGINT) FROM partitions
     WHERE job_id = jobs.id AND state IN ({partition.blocked}, {partition.due}, {partition.running})) AS remaining,
    (SELECT CASE WHEN SUM(CASE WHEN state = {partition.running} THEN 1 ELSE 0 END) = 0 THEN MIN(due_at) END FROM partitions
     WHERE job_id = jobs.id AND state IN ({partition.due}, {partition.running})) AS next_attempt_at";

impl Ledger {
    /// Returns a job; an upload that is not complete is none yet.
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

    /// Returns whether a job has ended; one that is not there has not.
    pub async fn has_ended(&self, id: JobId) -> Result<bool, LedgerError> {
        let ended = sqlx::query("SELECT 1 AS ended FROM jobs WHERE id = $1 AND ended_at IS NOT NULL")
            .bind(id.to_string())
            .fetch_optional(&self.inner.read)
            .await?;
        Ok(ended.is_some())
    }

    /// Returns a small job, as [`Ledger::job`] does; those who ask at the same time share the reads.
    // Only of small ones: a job of a million partitions is read for a second, and the others would wait for it.
    pub async fn small_job(&self, id: JobId) -> Result<Option<JobView>, LedgerError> {
        self.inner.groups.together(Look(id)).await
    }

    /// Lists jobs, the newest first.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobView>, LedgerError> {
        let (principal, targets) = filter.whose.parts();
        // Said as a constant, so that an index can be chosen for it, however many have ended.
        let tasks = if filter.tasks {
            "AND ended_at IS NULL AND kind = {selector.query}"
        } else {
            ""
        };
        let scheduled = if filter.schedule.is_some() {
            "AND schedule = $7"
        } else {
            "AND $7 = ''"
        };
        let rows = sqlx::query(self.inner.sql(&format!(
            "-- ledger::jobs
            SELECT {JOB_COLUMNS} FROM jobs
            WHERE state <> {{job.receiving}} {tasks} {scheduled}
              AND ($2 = '' OR principal = $2 OR target IN (SELECT e.value->>'t' FROM {{each}})
                   OR target IS NULL AND EXISTS (SELECT 1 FROM {{each}}))
              AND ($3 = '' OR state = $3) AND ($4 = '' OR target = $4) AND ($5 = '' OR id < $5)
            ORDER BY id DESC LIMIT $6"
        )))
        .bind(targets)
        .bind(principal)
        .bind(filter.state.map_or("", State::as_str))
        .bind(filter.target.as_deref().unwrap_or_default())
        .bind(filter.after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(filter.limit))
        .bind(filter.schedule.as_deref().unwrap_or_default())
        .fetch_all(&self.inner.read)
        .await?;
        views(&self.inner, &rows).await
    }
}

/// One of those who look at jobs at the same time.
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
    let ids: Vec<_> = rows
        .iter()
        .map(|row| Ok(json!({"id": row.try_get::<String, _>("id")?})))
        .collect::<Result<_, sqlx::Error>>()?;
    let mut counts = counts_of(inner, &json!(ids).to_string()).await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let stores = match row.try_get::<Option<String>, _>("summary")? {
                Some(_) => rows::json(row, "jobs", "summary")?,
                None => counts.remove(&id).unwrap_or_default(),
            };
            view(row, stores)
        })
        .collect()
}

/// Reads a list with commas between.
fn targets(list: &str) -> BTreeSet<String> {
    let names = list.split(',').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn view(row: &AnyRow, stores: Vec<StoreCounts>) -> Result<JobView, LedgerError> {
    let optional = |column| -> Result<Option<u64>, LedgerError> {
        Ok(row
            .try_get::<Option<i64>, _>(column)?
            .map(|n| u64::try_from(n).unwrap_or(0)))
    };
    let (now, ended_at): (i64, Option<i64>) = (row.try_get("now_ms")?, row.try_get("ended_at")?);
    // What was reserved and is not over yet.
    let ahead = row.try_get::<i64, _>("throttled_till")? - ended_at.unwrap_or(now);
    let ahead = u64::try_from(ahead).unwrap_or(0);
    let next_attempt_at: Option<i64> = row.try_get("next_attempt_at")?;
    let windows: Option<Windows> = match row.try_get::<Option<String>, _>("windows")? {
        Some(_) => Some(rows::json(row, "jobs", "windows")?),
        None => None,
    };
    // A batch that has begun is finished, whatever the time.
    let waits = ended_at.is_none() && next_attempt_at.is_some();
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
        throttled_for_ms: if ended_at.is_some() { 0 } else { ahead },
        batch: optional("batch_size")?,
        slices: optional("slices")?,
        opaque_id: row.try_get("opaque_id")?,
        schedule: row.try_get("schedule")?,
        waits_for_window: waits && windows.is_some_and(|windows| windows.are_closed(now)),
        task_forgotten: row.try_get::<i64, _>("task_forgotten")? != 0,
        accepted_at: row.try_get("accepted_at")?,
        not_before: row.try_get("not_before")?,
        started_at: row.try_get("started_at")?,
        ended_at,
        forgotten_at: row.try_get("forgotten_at")?,
        attempt: rows::number(row, "attempt")?,
        attempts: Vec::new(),
        settled: rows::number(row, "settled")?,
        round: rows::number(row, "round")?,
        selected: rows::number(row, "selected")?,
        remaining: rows::number(row, "remaining")?,
        error_code: rows::code(row, "error_code")?,
        version_erased: row.try_get("version_erased")?,
        snapshot: row.try_get("snapshot")?,
        warnings: warnings(row)?,
        next_attempt_at,
        stores,
        now,
    };
    if row.try_get::<Option<String>, _>("attempts")?.is_some() {
        let carried: Vec<StoreCounts> = rows::json(row, "jobs", "carried")?;
        view.attempts = rows::json(row, "jobs", "attempts")?;
        view.attempts.push(Attempt::present(&view, &carried));
    }
    Ok(view)
}

/// Reads a job's warnings, each once: the names of a person are planned apart, in the same tables.
fn warnings(row: &AnyRow) -> Result<BTreeSet<Warning>, LedgerError> {
    match row.try_get::<Option<String>, _>("warnings")? {
        Some(_) => rows::json(row, "jobs", "warnings"),
        None => Ok(BTreeSet::new()),
    }
}
