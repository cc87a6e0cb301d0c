//! The newest jobs that failed or may be stuck, with the few facts that tell whether they need somebody. This module writes
//! nothing.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::aim::{Aim, aim};
use super::filter::{LAST, Whose};
use super::job::{facts, targets};
use super::only::Only;
use super::waits::Waits;
use crate::error_code::StoredCode;
use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::types::Wait;
use crate::state::State;

/// The states of jobs that may be stuck.
const MOVING: [State; 4] = [State::Queued, State::Planning, State::Running, State::Verifying];

/// A job that failed or has not ended.
// The aim is personal data: no `Debug`.
pub struct Glance {
    /// The id.
    pub id: JobId,
    /// The caller of the request.
    pub principal: String,
    /// The targets that it is about.
    pub targets: BTreeSet<String>,
    /// The target that the request names.
    pub target: Option<String>,
    /// The table that the request names.
    pub table: Option<String>,
    /// The owner of the memories that it is about; absent: the retention of the job has passed.
    pub aim: Option<Aim>,
    /// The time of its end, in milliseconds since 1970; absent: it goes on.
    pub ended_at: Option<i64>,
    /// The last error, until the job makes progress again.
    pub error_code: Option<StoredCode>,
    /// The reason why it does not move now; absent: it moves, or has ended.
    pub waits_for: Option<Wait>,
}

/// Jobs that failed or may be stuck, the newest first.
pub struct GlancePage {
    /// The jobs.
    pub jobs: Vec<Glance>,
    /// The cursor for older jobs that failed; `None` if all were read.
    pub next: Option<JobId>,
}

/// The columns of a glance. The counts and partitions of a job are not among them: they cost most of reading a job.
const COLUMNS: &str =
    "id, (id || '') AS place, principal, targets, target, table_name, subject, owner, workspace, state, error_code,
    accepted_at, not_before, progressed_at, reserved_at, throttled_till, windows, ended_at, held_at,
    forgotten_at, {now} AS now_ms";

/// The number of values that the statement binds before those of its conditions.
const BOUND: usize = 3;

/// The most jobs that are read for a page of a caller that sees only some of them.
// Reading so many takes some milliseconds. A page of a list has such a bound, too.
const MOST: u32 = 1_000;

impl Ledger {
    /// Returns jobs that failed, at most `failed` of those before the cursor `after`, and jobs that may be stuck, at most
    /// `stuck` of each state: the newest of each. Of a caller that sees only its own jobs it takes those that are due
    /// the longest.
    pub async fn glances(
        &self,
        whose: &Whose,
        after: Option<JobId>,
        failed: u32,
        stuck: u32,
    ) -> Result<GlancePage, LedgerError> {
        let mut only = Only::after(BOUND);
        whose.restrict(&mut only);
        let text = format!("-- ledger::glances\n{}", pages(whose, &only.text).join("\nUNION ALL\n"));
        let mut looking = sqlx::query(self.inner.sql(&text))
            .bind(i64::from(failed))
            .bind(i64::from(stuck))
            .bind(after.unwrap_or(LAST).to_string());
        for value in only.values {
            looking = looking.bind(value);
        }
        let read = looking.fetch_all(&self.inner.read).await?;
        let (mut found, mut open, mut cut) = (Vec::with_capacity(read.len()), Vec::new(), None);
        for row in &read {
            if row.try_get::<i64, _>("cuts")? != 0 {
                cut = Some(rows::parsed(row, "jobs", "id")?);
            }
            if row.try_get::<i64, _>("fits")? == 0 {
                continue;
            }
            if row.try_get::<Option<i64>, _>("ended_at")?.is_none() {
                open.push(json!({"id": row.try_get::<String, _>("id")?}));
            }
            found.push(row);
        }
        let waits = if open.is_empty() {
            Waits::default()
        } else {
            Waits::of(&self.inner, &json!(open).to_string()).await?
        };
        let jobs: Result<Vec<Glance>, LedgerError> = found.into_iter().map(|row| glance(row, &waits)).collect();
        let mut jobs = jobs?;
        jobs.sort_unstable_by_key(|glance| Reverse(glance.id));
        let mut ended = jobs.iter().filter(|job| job.ended_at.is_some());
        let next = cut.or_else(|| Some(ended.nth(failed.saturating_sub(1) as usize)?.id));
        Ok(GlancePage { jobs, next })
    }
}

/// Returns the statements of the pages. Each is read along an index, in the order of that index. `only` are the conditions
/// of the jobs that the caller sees, each after `AND`.
fn pages(whose: &Whose, only: &str) -> Vec<String> {
    let seen = only.trim_start_matches(" AND ");
    let before = "(id || '') < $3";
    if whose.own().is_some() {
        // The index of the caller's jobs, as in `ways.rs`. The first condition of its jobs binds the principal.
        let own = format!("('' || principal) = ${} AND {before}", BOUND + 1);
        return vec![cut(&own, "state = {job.failed}"), of_caller(only)];
    }
    let failed = format!("{} AND {before}", of_state(State::Failed));
    let failed = match whose {
        Whose::All => all(&newest(&failed, "$1")),
        Whose::Of(_) | Whose::OfOrAbout(..) => cut(&failed, seen),
    };
    let stuck = MOVING.map(|state| match whose {
        Whose::All => all(&newest(&of_state(state), "$2")),
        Whose::Of(_) | Whose::OfOrAbout(..) => {
            let newest = newest(&of_state(state), &MOST.to_string());
            all(&format!(
                "SELECT * FROM ({newest}) AS newest WHERE {seen} ORDER BY place DESC LIMIT $2"
            ))
        }
    });
    std::iter::once(failed).chain(stuck).collect()
}

/// Returns the condition for a state.
// The expression is that of the index by state, as in `ways.rs`.
fn of_state(state: State) -> String {
    format!("(state || '') = {{job.{}}}", state.as_str())
}

/// Returns the statement of the newest jobs under a condition.
// Other conditions could lead PostgreSQL to another index. So they restrict the jobs that were read.
fn newest(of: &str, most: &str) -> String {
    format!("SELECT {COLUMNS} FROM jobs WHERE {of} ORDER BY (id || '') DESC LIMIT {most}")
}

/// Returns the page of a statement whose jobs all fit.
fn all(of: &str) -> String {
    format!("SELECT page.*, CAST(1 AS BIGINT) AS fits, CAST(0 AS BIGINT) AS cuts FROM ({of}) AS page")
}

/// Returns the page of those failed jobs under a condition that the caller sees. If [`MOST`] jobs were read, the last of
/// them cuts the page, and comes with it.
fn cut(of: &str, seen: &str) -> String {
    let newest = newest(of, &MOST.to_string());
    format!(
        "SELECT * FROM (
            WITH newest AS ({newest}), cut AS (SELECT place AS till FROM newest ORDER BY place DESC LIMIT 1 OFFSET {MOST} - 1)
            SELECT newest.*, CAST(CASE WHEN {seen} THEN 1 ELSE 0 END AS BIGINT) AS fits,
                CAST(CASE WHEN place = (SELECT till FROM cut) THEN 1 ELSE 0 END AS BIGINT) AS cuts
            FROM newest WHERE {seen} OR place = (SELECT till FROM cut) ORDER BY place DESC LIMIT $1
        ) AS page"
    )
}

/// Returns the page of a caller's own jobs that may be stuck.
// In the order of the index of a caller's unfinished jobs, those that are due the longest first: they may be stuck. No
// index has this expression of the state.
fn of_caller(only: &str) -> String {
    let states = MOVING.map(|state| format!("{{job.{}}}", state.as_str())).join(", ");
    let most = MOVING.len();
    all(&format!(
        "SELECT {COLUMNS} FROM jobs WHERE ended_at IS NULL AND held_at IS NULL AND ('' || state) IN ({states}){only}
        ORDER BY not_before LIMIT {most} * $2"
    ))
}

fn glance(row: &AnyRow, waits: &Waits) -> Result<Glance, LedgerError> {
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let waits_for = match ended_at {
        None => waits.of_job(row.try_get("id")?, &facts(row, row.try_get("now_ms")?)?),
        Some(_) => None,
    };
    let aim = match row.try_get::<Option<i64>, _>("forgotten_at")? {
        None => Some(aim(row)?),
        Some(_) => None,
    };
    Ok(Glance {
        id: rows::parsed(row, "jobs", "id")?,
        principal: row.try_get("principal")?,
        targets: targets(row.try_get("targets")?),
        target: row.try_get("target")?,
        table: row.try_get("table_name")?,
        aim,
        ended_at,
        error_code: rows::code(row, "error_code")?,
        waits_for,
    })
}
