//! Deletions that recur: what is stored of them. Making jobs of them is `ledger/schedules/fire.rs`.
//!
//! What a schedule does (its body, its times, who wrote it) has a revision; whoever changes or fires it
//! says which one it has seen, so that nothing is done by what was replaced meanwhile.

use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::job::JobId;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::views::Whose;
use crate::schedule::Windows;

/// A schedule to be stored; everything that can be refused was refused before.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct ScheduleRecord {
    /// Its name.
    pub name: String,
    /// Who writes it, in whose name its jobs run.
    pub principal: String,
    /// What its writer may do, in the api's own words.
    pub rights: String,
    /// The one target that its jobs are about; absent: several.
    pub target: Option<String>,
    /// Its times: a cron expression.
    pub cron: String,
    /// The time zone of its times, by name.
    pub time_zone: String,
    /// The request for its jobs, in the api's own words.
    pub job: String,
    /// When batches of its jobs may begin; absent: at any time.
    pub windows: Option<Windows>,
    /// Whether it makes no jobs.
    pub paused: bool,
    /// When it runs next, in milliseconds since 1970, unless it has another time before already.
    pub next_run_at: i64,
}

/// A schedule as the ledger knows it.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct ScheduleRow {
    /// Another one with every change of what it does.
    pub revision: String,
    /// What was stored; its next time may have passed, if nobody fired it yet.
    pub schedule: ScheduleRecord,
    /// When it runs next; absent: never again.
    pub next_run_at: Option<i64>,
    /// When it last made a job.
    pub last_run_at: Option<i64>,
    /// The job that it last made.
    pub last_job: Option<JobId>,
    /// What came of its last time: `fired`, `skipped` or `refused`.
    pub last_outcome: Option<String>,
    /// Why that was refused.
    pub last_problem: Option<String>,
    /// How often the job before had not ended.
    pub skipped: u64,
    /// How often its job could not be accepted.
    pub refused: u64,
    /// When it was written first.
    pub created_at: i64,
    /// When it was last changed.
    pub changed_at: i64,
    /// The ledger's clock when this was read.
    pub now: i64,
}

pub(in crate::ledger) const COLUMNS: &str =
    "name, revision, principal, rights, target, cron, time_zone, job, windows, paused, next_run_at,
    last_run_at, last_job, last_outcome, last_problem, skipped, refused, created_at, changed_at, {now} AS now_ms";

impl Ledger {
    /// Returns a schedule.
    pub async fn schedule(&self, name: &str) -> Result<Option<ScheduleRow>, LedgerError> {
        let text = format!("-- ledger::schedule\nSELECT {COLUMNS} FROM schedules WHERE name = $1");
        let row = sqlx::query(self.inner.sql(&text))
            .bind(name)
            .fetch_optional(&self.inner.read)
            .await?;
        row.as_ref().map(schedule).transpose()
    }

    /// Returns schedules by name, at most `limit`, those after `after`.
    pub async fn schedules(&self, whose: &Whose, after: &str, limit: u32) -> Result<Vec<ScheduleRow>, LedgerError> {
        let (principal, targets) = whose.parts();
        let text = format!(
            "-- ledger::schedules
            SELECT {COLUMNS} FROM schedules
            WHERE ($2 = '' OR principal = $2 OR target IN (SELECT e.value->>'t' FROM {{each}})) AND name > $3
            ORDER BY name LIMIT $4"
        );
        let rows = sqlx::query(self.inner.sql(&text))
            .bind(targets)
            .bind(principal)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.inner.read)
            .await?;
        rows.iter().map(schedule).collect()
    }

    /// Stores a schedule if there is none of its name; returns whether it was stored.
    pub async fn add_schedule(&self, schedule: &ScheduleRecord, by: &Actor) -> Result<bool, LedgerError> {
        let mut tx = self.inner.begin().await?;
        let added = sqlx::query(self.inner.sql(
            "-- ledger::add_schedule
            INSERT INTO schedules (name, revision, principal, rights, target, cron, time_zone, job, windows, paused,
                next_run_at, created_at, changed_at)
            SELECT e.value->>'name', e.value->>'revision', e.value->>'principal', e.value->>'rights', e.value->>'target',
                e.value->>'cron', e.value->>'time_zone', e.value->>'job', e.value->>'windows',
                CAST(e.value->>'paused' AS BIGINT), CAST(e.value->>'next_run_at' AS BIGINT), {now}, {now}
            FROM {each} WHERE TRUE
            ON CONFLICT (name) DO NOTHING",
        ))
        .bind(as_row(schedule))
        .execute(&mut *tx)
        .await?;
        if added.rows_affected() == 0 {
            return Ok(false);
        }
        let deed = Deed::new(Act::ScheduleCreate, Object::Schedule(&schedule.name));
        audit::commit(&self.inner, tx, by, deed).await?;
        Ok(true)
    }

    /// Stores a schedule in place of the one with `revision`; returns whether that was still there.
    ///
    /// With the same times as before it keeps the next of them, which may have been missed. A job of it that
    /// has not ended follows the new windows.
    pub async fn replace_schedule(
        &self,
        schedule: &ScheduleRecord,
        revision: &str,
        by: &Actor,
    ) -> Result<bool, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let replaced = sqlx::query(inner.sql(
            "-- ledger::replace_schedule
            UPDATE schedules SET revision = e.value->>'revision', principal = e.value->>'principal',
                rights = e.value->>'rights', target = e.value->>'target', cron = e.value->>'cron',
                time_zone = e.value->>'time_zone', job = e.value->>'job', windows = e.value->>'windows',
                paused = CAST(e.value->>'paused' AS BIGINT), changed_at = {now},
                next_run_at = CASE WHEN cron = e.value->>'cron' AND time_zone = e.value->>'time_zone' AND next_run_at IS NOT NULL
                    THEN next_run_at ELSE CAST(e.value->>'next_run_at' AS BIGINT) END
            FROM {each} WHERE schedules.name = e.value->>'name' AND revision = $2
            RETURNING schedules.last_job",
        ))
        .bind(as_row(schedule))
        .bind(revision)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = replaced else { return Ok(false) };
        let job: Option<String> = row.try_get("last_job")?;
        if let Some(job) = &job {
            // Its limit begins anew: which times of the past were outside of a window is not known any more.
            sqlx::query(inner.sql(
                "-- ledger::replace_schedule job
                UPDATE jobs SET version = version + 1, windows = $2, idle_since = accepted_at,
                    progressed_at = CASE WHEN windows IS DISTINCT FROM $2 THEN {now} ELSE progressed_at END,
                    not_before = CASE WHEN not_before > {now} THEN {now} ELSE not_before END
                WHERE id = $1 AND ended_at IS NULL",
            ))
            .bind(job)
            .bind(windows_text(schedule))
            .execute(&mut *tx)
            .await?;
        }
        let deed = Deed::new(Act::ScheduleReplace, Object::Schedule(&schedule.name));
        audit::commit(inner, tx, by, deed).await?;
        if let Some(job) = &job {
            // After the commit: whoever gives a partition back locks the job after its partition, and is
            // either seen here or has seen the new windows.
            sqlx::query(inner.sql(
                "-- ledger::replace_schedule partitions
                UPDATE partitions SET due_at = {now}
                WHERE job_id = $1 AND state = {partition.due} AND due_at > (SELECT {now})",
            ))
            .bind(job)
            .execute(&inner.write)
            .await?;
        }
        Ok(true)
    }

    /// Pauses a schedule, or lifts that; returns whether there is one of this name.
    ///
    /// What it misses while it is paused is caught up once.
    pub async fn pause_schedule(&self, name: &str, paused: bool, by: &Actor) -> Result<bool, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let changed = sqlx::query(inner.sql(
            "-- ledger::pause_schedule
            UPDATE schedules SET paused = $2, changed_at = {now} WHERE name = $1 AND paused <> $2",
        ))
        .bind(name)
        .bind(i64::from(paused))
        .execute(&mut *tx)
        .await?;
        let changed = changed.rows_affected() == 1;
        let found =
            sqlx::query(inner.sql("-- ledger::pause_schedule found\nSELECT 1 AS found FROM schedules WHERE name = $1"))
                .bind(name)
                .fetch_optional(&mut *tx)
                .await?;
        if found.is_none() {
            return Ok(false);
        }
        let act = if paused {
            Act::SchedulePause
        } else {
            Act::ScheduleResume
        };
        let deed = Deed::new(act, Object::Schedule(name)).changed(changed);
        audit::commit(inner, tx, by, deed).await?;
        Ok(true)
    }

    /// Takes a schedule away; returns whether there was one of this name. Its jobs stay.
    pub async fn remove_schedule(&self, name: &str, by: &Actor) -> Result<bool, LedgerError> {
        let mut tx = self.inner.begin().await?;
        let removed = sqlx::query(
            self.inner
                .sql("-- ledger::remove_schedule\nDELETE FROM schedules WHERE name = $1"),
        )
        .bind(name)
        .execute(&mut *tx)
        .await?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        let deed = Deed::new(Act::ScheduleDelete, Object::Schedule(name));
        audit::commit(&self.inner, tx, by, deed).await?;
        Ok(true)
    }
}

/// Returns a schedule as the list of one row that a statement opens, with a new revision.
fn as_row(schedule: &ScheduleRecord) -> String {
    json!([{
        "name": schedule.name, "revision": Uuid::now_v7().to_string(), "principal": schedule.principal,
        "rights": schedule.rights, "target": schedule.target, "cron": schedule.cron, "time_zone": schedule.time_zone,
        "job": schedule.job, "windows": windows_text(schedule), "paused": i64::from(schedule.paused),
        "next_run_at": schedule.next_run_at,
    }])
    .to_string()
}

fn windows_text(schedule: &ScheduleRecord) -> Option<String> {
    schedule.windows.as_ref().map(|windows| json!(windows).to_string())
}

/// Reads a row of [`COLUMNS`].
pub(in crate::ledger) fn schedule(row: &AnyRow) -> Result<ScheduleRow, LedgerError> {
    let windows = match row.try_get::<Option<String>, _>("windows")? {
        Some(_) => Some(rows::json(row, "schedules", "windows")?),
        None => None,
    };
    let last_job = match row.try_get::<Option<String>, _>("last_job")? {
        Some(_) => Some(rows::parsed(row, "schedules", "last_job")?),
        None => None,
    };
    let next_run_at: Option<i64> = row.try_get("next_run_at")?;
    Ok(ScheduleRow {
        revision: row.try_get("revision")?,
        schedule: ScheduleRecord {
            name: row.try_get("name")?,
            principal: row.try_get("principal")?,
            rights: row.try_get("rights")?,
            target: row.try_get("target")?,
            cron: row.try_get("cron")?,
            time_zone: row.try_get("time_zone")?,
            job: row.try_get("job")?,
            windows,
            paused: row.try_get::<i64, _>("paused")? != 0,
            next_run_at: next_run_at.unwrap_or(i64::MAX),
        },
        next_run_at,
        last_run_at: row.try_get("last_run_at")?,
        last_job,
        last_outcome: row.try_get("last_outcome")?,
        last_problem: row.try_get("last_problem")?,
        skipped: rows::number(row, "skipped")?,
        refused: rows::number(row, "refused")?,
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
        now: row.try_get("now_ms")?,
    })
}
