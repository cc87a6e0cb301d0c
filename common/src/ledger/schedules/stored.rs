//! Storing schedules (recurring deletions). `ledger/schedules/fire.rs` creates their jobs.
//!
//! The definition of a schedule (its body, its times, its writer) has a revision. A replacement or a firing
//! names the revision that it has read. So it never acts on a definition that was replaced meanwhile.

use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::job::JobId;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::rows::UNENDED;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::types::{MarkFilter, Marks};
use crate::ledger::views::{Only, SectionIndex, SectionIndexes, Whose, united};
use crate::schedule::Windows;

/// A schedule to be stored. It was validated before.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct ScheduleRecord {
    /// Its name.
    pub name: String,
    /// The principal that writes it, and in whose name its jobs run.
    pub principal: String,
    /// The rights of its writer, in the api's own format.
    pub rights: String,
    /// The one target that its jobs are about; absent: several.
    pub target: Option<String>,
    /// Its times: a cron expression.
    pub cron: String,
    /// The time zone of its times, by name.
    pub time_zone: String,
    /// The request for its jobs, in the api's own format.
    pub job: String,
    /// The caller's own words about its jobs.
    pub marks: Marks,
    /// The times at which batches of its jobs may begin; absent: at any time.
    pub windows: Option<Windows>,
    /// Whether it is paused, and creates no jobs.
    pub paused: bool,
    /// Its next time, in milliseconds since 1970. A stored time of the same cron expression and zone takes precedence.
    pub next_run_at: i64,
}

/// A stored schedule.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct ScheduleRow {
    /// The revision: a new one with every change of the definition.
    pub revision: String,
    /// The stored record. Its next time may have passed, if no process has fired it yet.
    pub schedule: ScheduleRecord,
    /// Its next time; absent: never again. All times here are milliseconds since 1970.
    pub next_run_at: Option<i64>,
    /// The time at which it last created a job.
    pub last_run_at: Option<i64>,
    /// The job that it last created.
    pub last_job: Option<JobId>,
    /// The result of its last due time: `fired`, `skipped` or `refused`.
    pub last_outcome: Option<String>,
    /// The reason for a refusal at its last due time.
    pub last_problem: Option<String>,
    /// The number of times that were skipped, since the previous job had not ended.
    pub skipped: u64,
    /// The number of times whose job was refused.
    pub refused: u64,
    /// The time of its creation.
    pub created_at: i64,
    /// The time of its last change.
    pub changed_at: i64,
    /// The ledger's clock when this was read.
    pub now: i64,
}

pub(in crate::ledger) const COLUMNS: &str =
    "name, revision, principal, rights, target, cron, time_zone, job, reference, labels, windows, paused, next_run_at,
    last_run_at, last_job, last_outcome, last_problem, skipped, refused, created_at, changed_at, {now} AS now_ms";

/// The indexes of the lists of schedules.
const INDEXES: SectionIndexes = SectionIndexes {
    all: SectionIndex {
        column: "''",
        key: "name",
    },
    principal: SectionIndex {
        column: "principal",
        key: "(name || '')",
    },
    target: SectionIndex {
        column: "target",
        key: "('' || name)",
    },
};

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

    /// Returns at most `limit` schedules with these marks, sorted by name, from the first one after `after`.
    pub async fn schedules(
        &self,
        whose: &Whose,
        marks: &MarkFilter,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ScheduleRow>, LedgerError> {
        let mut only = Only::after(2);
        for (condition, value) in marks.conditions() {
            only.add(condition, value);
        }
        let sections = whose.sections(&INDEXES);
        let pages = united(&sections, 3 + only.values.len(), |SectionIndex { column, key }, n| {
            format!(
                "SELECT * FROM schedules WHERE {key} > $1 AND {column} = ${n}{} ORDER BY {key} LIMIT $2",
                only.text
            )
        });
        let text = format!("-- ledger::schedules\nSELECT {COLUMNS} FROM ({pages}) AS seen ORDER BY name LIMIT $2");
        let mut listing = sqlx::query(self.inner.sql(&text)).bind(after).bind(i64::from(limit));
        for value in only.values {
            listing = listing.bind(value);
        }
        for (_, value) in sections {
            listing = listing.bind(value);
        }
        let rows = listing.fetch_all(&self.inner.read).await?;
        rows.iter().map(schedule).collect()
    }

    /// Returns at most `limit` schedules whose last run was refused, sorted by name. Paused ones are not among them.
    pub async fn refused_schedules(&self, limit: u32) -> Result<Vec<ScheduleRow>, LedgerError> {
        let text = format!(
            "-- ledger::refused_schedules
            SELECT {COLUMNS} FROM schedules WHERE last_outcome = {{run.refused}} AND paused = 0 ORDER BY name LIMIT $1"
        );
        let rows = sqlx::query(self.inner.sql(&text))
            .bind(i64::from(limit))
            .fetch_all(&self.inner.read)
            .await?;
        rows.iter().map(schedule).collect()
    }

    /// Returns the number of schedules of a principal, up to `most`.
    pub async fn schedules_of(&self, principal: &str, most: u32) -> Result<u64, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::schedules_of
            SELECT COUNT(*) AS n FROM (SELECT 1 FROM schedules WHERE principal = $1 LIMIT $2) AS own",
        ))
        .bind(principal)
        .bind(i64::from(most))
        .fetch_one(&self.inner.read)
        .await?;
        rows::number(&row, "n")
    }

    /// Returns the names of at most `limit` schedules of a principal, sorted.
    // Without the other columns: an unreadable schedule has a name, too, and must not keep a key from being revoked.
    pub async fn schedule_names_of(&self, principal: &str, limit: u32) -> Result<Vec<String>, LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::schedule_names_of
            SELECT name FROM schedules WHERE principal = $1 ORDER BY (name || '') LIMIT $2",
        ))
        .bind(principal)
        .bind(i64::from(limit))
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
    }

    /// Stores a schedule if there is none of its name; returns whether it was stored.
    pub async fn add_schedule(&self, schedule: &ScheduleRecord, by: &Actor) -> Result<bool, LedgerError> {
        let mut tx = self.inner.begin().await?;
        let added = sqlx::query(self.inner.sql(
            "-- ledger::add_schedule
            INSERT INTO schedules (name, revision, principal, rights, target, cron, time_zone, job, reference, labels, windows, paused,
                next_run_at, created_at, changed_at)
            SELECT e.value->>'name', e.value->>'revision', e.value->>'principal', e.value->>'rights', e.value->>'target',
                e.value->>'cron', e.value->>'time_zone', e.value->>'job', e.value->>'reference', e.value->>'labels', e.value->>'windows',
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

    /// Replaces the schedule that has `revision`; returns whether that revision was still stored.
    ///
    /// If the cron expression and the time zone stay the same, the next time stays too, even if it was missed. An
    /// unfinished job of the schedule follows the new windows.
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
                reference = e.value->>'reference', labels = e.value->>'labels',
                paused = CAST(e.value->>'paused' AS BIGINT), changed_at = {now},
                next_run_at = CASE WHEN cron = e.value->>'cron' AND time_zone = e.value->>'time_zone' AND next_run_at IS NOT NULL
                    THEN next_run_at ELSE CAST(e.value->>'next_run_at' AS BIGINT) END
            FROM {each} WHERE schedules.name = $3 AND revision = $2
            RETURNING schedules.last_job",
        ))
        .bind(as_row(schedule))
        .bind(revision)
        .bind(&schedule.name)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = replaced else { return Ok(false) };
        let job: Option<String> = row.try_get("last_job")?;
        if let Some(job) = &job {
            // Its `give_up_after` limit starts anew: the ledger no longer knows the former windows.
            sqlx::query(inner.sql(&format!(
                "-- ledger::replace_schedule job
                UPDATE jobs SET version = version + 1, windows = $2,
                    idle_since = CASE WHEN held_at IS NULL THEN accepted_at END,
                    progressed_at = CASE WHEN windows IS DISTINCT FROM $2 THEN {{now}} ELSE progressed_at END,
                    not_before = CASE WHEN not_before > {{now}} THEN {{now}} ELSE not_before END
                WHERE id = $1 AND {UNENDED}",
            )))
            .bind(job)
            .bind(windows_text(schedule))
            .execute(&mut *tx)
            .await?;
            // Its waiting partitions ask again at once: the former windows may open in a week only. A release locks its
            // partition, then its job. Either this statement finds the released partition, or the release reads the new
            // windows. Skipping locked rows avoids a deadlock: their holders claim or end them. `|| ''` is there as in `HELD`.
            sqlx::query(inner.sql(
                "-- ledger::replace_schedule partitions
                UPDATE partitions SET due_at = {now} WHERE (job_id, ordinal) IN (
                    SELECT job_id, ordinal FROM partitions
                    WHERE job_id = $1 AND state || '' = {partition.due} AND due_at > (SELECT {now}) {skip_locked})",
            ))
            .bind(job)
            .execute(&mut *tx)
            .await?;
        }
        let deed = Deed::new(Act::ScheduleReplace, Object::Schedule(&schedule.name));
        audit::commit(inner, tx, by, deed).await?;
        Ok(true)
    }

    /// Pauses a schedule, or lifts its pause; returns whether there is one of this name.
    ///
    /// For all times that it missed while it was paused, it fires once.
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

    /// Deletes a schedule; returns whether there was one of this name. Its jobs stay.
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

/// Returns a schedule with a new revision, as the JSON array of one element that a statement reads.
fn as_row(schedule: &ScheduleRecord) -> String {
    json!([{
        "name": schedule.name, "revision": Uuid::now_v7().to_string(), "principal": schedule.principal,
        "rights": schedule.rights, "target": schedule.target, "cron": schedule.cron, "time_zone": schedule.time_zone,
        "job": schedule.job, "reference": schedule.marks.reference, "labels": schedule.marks.labels_text(), "windows": windows_text(schedule), "paused": i64::from(schedule.paused),
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
            marks: rows::marks(row, "schedules")?,
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
