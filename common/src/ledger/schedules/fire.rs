//! Firing: creating the jobs of due schedules, one job for each due time, however many processes try.
//!
//! One transaction moves the schedule on to its next time, and accepts the job. If the process dies before the
//! commit, the time is still due. If it dies after the commit, the job exists. However many times were missed,
//! only one is due.

use sqlx::{AnyConnection, Row};

use super::stored::{COLUMNS, ScheduleRow, schedule};
use crate::ledger::accept::{self, NewJob};
use crate::ledger::db::rows::UNENDED;
use crate::ledger::db::{Inner, Ledger, LedgerError};
use crate::ledger::holds::{self, WAITS};
use crate::ledger::log::IS_WAITING;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::Run;

/// The condition that a schedule's time has not been taken yet: same revision, same time, not paused.
const TAKEN: &str = "name = $1 AND revision = $2 AND next_run_at = $3 AND paused = 0";

/// Returns the condition that the previous job has not ended and is not held. A hold may last for years.
fn unfinished() -> String {
    format!("EXISTS (SELECT 1 FROM jobs WHERE jobs.id = schedules.last_job AND {UNENDED} AND jobs.held_at IS NULL)")
}

/// A page of due schedules.
// Personal data: no `Debug`.
pub struct DueSchedules {
    /// The schedules, the longest due first.
    pub due: Vec<ScheduleRow>,
    /// The names of those that cannot be read, and why.
    pub unreadable: Vec<(String, LedgerError)>,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<DueCursor>,
}

/// The position of a schedule among those that are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCursor {
    next_run_at: i64,
    name: String,
}

/// The next thing that an idle api has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextSchedule {
    /// The milliseconds until the next schedule is due: 0 if one is due, `None` if none will be.
    pub wait: Option<u64>,
    /// Whether the sequencer has work.
    pub log_waits: bool,
    /// The milliseconds until a hold needs somebody: 0 if jobs may have to be queued again, `None` without holds.
    pub holds_wait: Option<u64>,
}

impl Ledger {
    /// Returns at most `limit` due schedules, the longest due first, from the first one after the cursor.
    // With a cursor, because a schedule that cannot fire stays due, and must not keep the others from firing.
    pub async fn due_schedules(&self, after: Option<&DueCursor>, limit: u32) -> Result<DueSchedules, LedgerError> {
        let text = format!(
            "-- ledger::due_schedules
            SELECT {COLUMNS} FROM schedules
            WHERE next_run_at IS NOT NULL AND paused = 0 AND next_run_at <= (SELECT {{now}})
              AND next_run_at >= $2 AND (next_run_at > $2 OR name > $3)
            ORDER BY next_run_at, name LIMIT $1"
        );
        let rows = sqlx::query(self.inner.sql(&text))
            .bind(i64::from(limit))
            .bind(after.map_or(i64::MIN, |after| after.next_run_at))
            .bind(after.map_or("", |after| after.name.as_str()))
            .fetch_all(&self.inner.read)
            .await?;
        let (mut due, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            match schedule(row) {
                Ok(row) => due.push(row),
                Err(error) => unreadable.push((row.try_get("name")?, error)),
            }
        }
        let last = rows.last().filter(|_| rows.len() >= limit as usize);
        let next = last.map(|row| -> Result<DueCursor, LedgerError> {
            Ok(DueCursor {
                next_run_at: row.try_get("next_run_at")?,
                name: row.try_get("name")?,
            })
        });
        Ok(DueSchedules {
            due,
            unreadable,
            next: next.transpose()?,
        })
    }

    /// Returns when the next schedule is due, whether something has no place in the log yet, and when a hold needs a look.
    // One statement for all: an idle api sends few.
    pub async fn next_schedule(&self) -> Result<NextSchedule, LedgerError> {
        let text = format!(
            "-- ledger::next_schedule
            SELECT MIN(next_run_at) - {{now}} AS wait, {IS_WAITING} AS log_waits, {WAITS}
            FROM schedules WHERE next_run_at IS NOT NULL AND paused = 0"
        );
        let row = sqlx::query(self.inner.sql(&text)).fetch_one(&self.inner.read).await?;
        let wait: Option<i64> = row.try_get("wait")?;
        Ok(NextSchedule {
            wait: wait.map(|wait| u64::try_from(wait).unwrap_or(0)),
            log_waits: row.try_get::<i64, _>("log_waits")? == 1,
            holds_wait: holds::wait(&row)?,
        })
    }

    /// Takes a schedule's due time and accepts its job, unless the previous job has not ended. `next` is
    /// the following time.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer. If only the answer was lost, the next
    /// try finds the time taken.
    pub async fn fire(&self, due: &ScheduleRow, next: Option<i64>, job: &NewJob) -> Result<Run, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let id = job.id.to_string();
        let set = "last_run_at = {now}, last_outcome = {run.fired}, last_problem = NULL, last_job = $5";
        if take(
            inner,
            &mut tx,
            due,
            next,
            (set, &id),
            &format!("AND NOT {}", unfinished()),
        )
        .await?
        {
            let mut increments = accept::insert(inner, &mut tx, &[job]).await?;
            increments.push(counted(Run::Fired));
            inner.add_totals(&mut tx, increments).await?;
            tx.commit().await?;
            return Ok(Run::Fired);
        }
        let set = "last_outcome = $5, last_problem = NULL, skipped = skipped + 1";
        let skipped = (set, Run::Skipped.as_str());
        if take(inner, &mut tx, due, next, skipped, &format!("AND {}", unfinished())).await? {
            inner.add_totals(&mut tx, [counted(Run::Skipped)]).await?;
            tx.commit().await?;
            return Ok(Run::Skipped);
        }
        tx.rollback().await?;
        Ok(Run::Gone)
    }

    /// Takes a schedule's due time whose job was refused. `why` is the reason that callers read.
    pub async fn refuse_run(&self, due: &ScheduleRow, next: Option<i64>, why: &str) -> Result<Run, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let set = "last_outcome = {run.refused}, last_problem = $5, refused = refused + 1";
        if take(inner, &mut tx, due, next, (set, why), "").await? {
            inner.add_totals(&mut tx, [counted(Run::Refused)]).await?;
            tx.commit().await?;
            return Ok(Run::Refused);
        }
        tx.rollback().await?;
        Ok(Run::Gone)
    }
}

/// Moves a schedule on to its next time; returns whether the due time was not taken yet.
async fn take(
    inner: &Inner,
    tx: &mut AnyConnection,
    due: &ScheduleRow,
    next: Option<i64>,
    (set, value): (&str, &str),
    only: &str,
) -> Result<bool, LedgerError> {
    let text = format!("-- ledger::fire\nUPDATE schedules SET next_run_at = $4, {set} WHERE {TAKEN} {only}");
    let taken = sqlx::query(inner.sql(&text))
        .bind(&due.schedule.name)
        .bind(&due.revision)
        .bind(due.next_run_at)
        .bind(next)
        .bind(value)
        .execute(tx)
        .await?;
    Ok(taken.rows_affected() == 1)
}

fn counted(run: Run) -> Increment {
    Increment::new(TotalsMetric::Runs, "", None, run.as_str(), 1)
}
